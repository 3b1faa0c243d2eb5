"""The classical classifiers on texts of any script, and on texts without a word."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from tunelab import registry
from tunelab.classifiers.chosen_by_folds import choose
from tunelab.classifiers.contract import Context, Fitted, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import open_classifier
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError


def make(use: str, **settings: float | str) -> Any:
    """The unfitted scikit-learn classifier of a kind."""
    return registry.import_target(registry.CLASSIFIERS[use])(**settings)


def fitted(
    use: str, texts: list[str], labels: list[str], folder: Path, **settings: float | str
) -> Fitted:
    """The classifier, fitted, saved and opened again from its files."""
    rows = [Example(text, label) for text, label in zip(texts, labels, strict=True)]
    task = Task(rows, [], tuple(sorted(set(labels))), seed=1)
    made = find_classifier(use).make(settings, Context("cpu", "float32"))
    made.fit(task, folder=folder / "stage", target=folder / "made" / use, title="")
    return open_classifier(folder / "made" / use, device="cpu", dtype="float32")


@pytest.mark.parametrize("use", ["tfidf-svm", "tfidf-logistic", "tfidf-characters"])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["good soup", "warm soup", "soup again"], ["cold bread", "old bread", "bread again"]),
        (["😀🎉", "🎉😀", "🎉"], ["💢🤬", "🤬💢", "🤬"]),
        (["a", "a", "a"], ["b", "b", "b"]),
        (["?!", "?!?", "!?"], ["...", "....", ".."]),
        (["这碗汤很热", "汤真好喝", "热汤"], ["面包太硬了", "硬面包", "面包不新鲜"]),
        (["خیلی خوب بود", "خوب بود", "خوب است"], ["بد بود", "خیلی بد", "بد است"]),
        (["ซุปร้อนมาก", "ซุปอร่อย", "ซุป"], ["ขนมปังแข็ง", "ขนมปังเก่า", "ขนมปัง"]),
    ],
)
def test_tfidf_learns_what_tells_them_apart(
    use: str, left: list[str], right: list[str], tmp_path: Path
) -> None:
    labels = ["left"] * len(left) + ["right"] * len(right)
    texts = [*left, *right]
    opened = fitted(use, texts, labels, tmp_path)
    answers = opened.answer(texts)
    assert answers.given is not None
    assert list(answers.given.labels) == labels
    assert answers.generated is None
    assert answers.scores is None
    # A question without anything known is answered too.
    assert all(answer.label in labels for answer in opened.label(["", "⚙", "unknown"]))
    if use == "tfidf-logistic":
        found = opened.probabilities(texts)
        assert np.allclose(found.sum(axis=1), 1)
        assert answers.given.probabilities is not None
        assert np.allclose(answers.given.probabilities, found)
        return
    assert answers.given.probabilities is None
    with pytest.raises(UsageError, match="has no probabilities"):
        opened.probabilities(texts)


def _sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts whose label shows in one weak word among many others, with some labels wrong."""
    draw = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        label = draw.choice(["cold", "hot", "mild"])
        words = [f"w{number}" for number in draw.integers(0, 60, 12)]
        words.insert(int(draw.integers(0, 12)), f"{label[0]}{draw.integers(0, 4)}x")
        texts.append(" ".join(words))
        labels.append(str(label if draw.random() < 0.85 else draw.choice(["cold", "hot"])))
    return texts, labels


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("use", ["tfidf-svm", "tfidf-logistic", "tfidf-characters"])
def test_a_strength_chosen_on_training_rows(use: str, tmp_path: Path) -> None:
    texts, labels = _sentences(150, seed=1)
    rows = [Example(text, label) for text, label in zip(texts, labels, strict=True)]
    task = Task(rows, [], ("cold", "hot", "mild"), seed=1)
    made = find_classifier(use).make({"C": "auto"}, Context("cpu", "float32"))
    values = made.fit(task, folder=tmp_path / "stage", target=tmp_path / "made" / use, title="")
    model = make(use, C="auto").set_params(random_state=1)
    assert values["chosen"]["C"] in model.strengths
    # The same search by scikit-learn's own means, with the features refitted in each fold.
    pipeline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, **model.features(texts)), model.linear(1.0)
    )
    search = GridSearchCV(
        pipeline,
        {f"{pipeline.steps[-1][0]}__C": list(model.strengths)},
        cv=StratifiedKFold(5, shuffle=True, random_state=1),
    ).fit(texts, labels)
    assert list(search.best_params_.values()) == list(values["chosen"].values())
    # With that strength named it is the same classifier.
    opened = made.open(tmp_path / "made" / use, task)
    named = fitted(use, texts, labels, tmp_path / "named", **values["chosen"])
    asked, _ = _sentences(60, seed=2)
    assert [one.label for one in opened.label(asked)] == [one.label for one in named.label(asked)]


@pytest.mark.parametrize(
    "labels", [["a", "b"], ["a", "a", "b"], ["a", "a", "b", "b"], ["a", "a", "a", "b", "b", "c"]]
)
def test_a_strength_from_few_rows(labels: list[str], tmp_path: Path) -> None:
    texts = [f"{label}{label} word{number}" for number, label in enumerate(labels)]
    opened = fitted("tfidf-logistic", texts, labels, tmp_path)
    assert {one.label for one in opened.label(texts)} <= set(labels)
    # Without two labels of two rows there is nothing to choose by.
    few = sum(labels.count(label) > 1 for label in set(labels)) < 2
    assert opened.model.best_params_["C"] in ([1.0] if few else opened.model.strengths)  # type: ignore[attr-defined]


@pytest.mark.parametrize("use", ["tfidf-svm", "tfidf-logistic", "tfidf-characters"])
@pytest.mark.parametrize("strength", [0, -1, float("inf"), float("nan"), "much", None])
def test_what_is_no_strength(use: str, strength: object) -> None:
    with pytest.raises(UsageError, match=r"classifiers\.0\.C"):
        find_classifier(use).check({"C": strength}, "classifiers.0.")


def test_tfidf_without_a_character(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="tfidf-svm cannot be fitted to the training rows"):
        fitted("tfidf-svm", ["", ""], ["a", "b"], tmp_path)


def test_majority(tmp_path: Path) -> None:
    answers = fitted("majority", ["x"] * 3, ["b", "a", "b"], tmp_path).label(["?"] * 2)
    assert [(one.label, one.reason, one.raw) for one in answers] == [("b", None, None)] * 2
    # Of equally frequent labels, the first by name.
    assert fitted("majority", ["x"] * 2, ["b", "a"], tmp_path).label(["?"])[0].label == "a"


def test_many_rows_are_not_all_asked() -> None:
    asked = []

    def answer(fitted: Any, rows: Any) -> Any:
        asked.append(len(rows))
        yield from (["a"] * len(rows), ["b"] * len(rows))

    labels = ["a"] * 4_000 + ["b"] * 4_500
    assert choose((1, 2), 9, labels, answer, seed=1) == 2
    assert asked == [1_700, 1_700]
