"""The classical classifiers on texts of any script, and on texts without a word."""

from pathlib import Path

import pytest

from tunelab.classifiers.contract import Context, Fitted, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import open_classifier
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError


def fitted(
    use: str, texts: list[str], labels: list[str], folder: Path, **settings: float
) -> Fitted:
    """The classifier, fitted, saved and opened again from its files."""
    rows = [Example(text, label) for text, label in zip(texts, labels, strict=True)]
    task = Task(rows, [], tuple(sorted(set(labels))), seed=1)
    made = find_classifier(use).make({}, Context("cpu", "float32"))
    made.fit(task, folder=folder / "stage", target=folder / "made" / use, title="")
    return open_classifier(folder / "made" / use, device="cpu", dtype="float32")


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
    left: list[str], right: list[str], tmp_path: Path
) -> None:
    labels = ["left"] * len(left) + ["right"] * len(right)
    texts = [*left, *right]
    opened = fitted("tfidf-svm", texts, labels, tmp_path)
    answers = opened.answer(texts)
    assert answers.given is not None
    assert list(answers.given.labels) == labels
    assert answers.given.probabilities is answers.generated is answers.scores is None
    # A question without anything known is answered too.
    assert all(answer.label in labels for answer in opened.label(["", "⚙", "unknown"]))
    with pytest.raises(UsageError, match="has no probabilities"):
        opened.probabilities(texts)


def test_tfidf_without_a_character(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="tfidf-svm cannot be fitted to the training rows"):
        fitted("tfidf-svm", ["", ""], ["a", "b"], tmp_path)


def test_majority(tmp_path: Path) -> None:
    answers = fitted("majority", ["x"] * 3, ["b", "a", "b"], tmp_path).label(["?"] * 2)
    assert [(one.label, one.reason, one.raw) for one in answers] == [("b", None, None)] * 2
    # Of equally frequent labels, the first by name.
    assert fitted("majority", ["x"] * 2, ["b", "a"], tmp_path).label(["?"])[0].label == "a"
