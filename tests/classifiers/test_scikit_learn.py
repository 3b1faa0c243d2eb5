"""Any scikit-learn classifier as a classifier of a study: settings, answers, files, refusals."""

import json
import linecache
import sys
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

import tunelab
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.fitted_pipeline import FittedPipeline
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.scikit_learn import kind_of
from tunelab.config import Training
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError
from tunelab.runs.seals import file_hashes, sealed

ROWS = [
    *(Example(text, "sport") for text in ("the team won", "a late goal", "the match was lost")),
    *(Example(text, "food") for text in ("fresh bread", "a bowl of soup", "salt and pepper")),
]
LABELS = ("food", "sport", "travel")
MODULE = """
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline


def bayes(alpha: float = 1.0, ngrams: int = 1):
    "Naive Bayes over counts of words."
    return make_pipeline(CountVectorizer(ngram_range=(1, ngrams)), MultinomialNB(alpha=alpha))


def logistic():
    return make_pipeline(CountVectorizer(), LogisticRegression())


class Strange(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = ["food", "sport"]
        return self

    def predict(self, X):
        return ["elsewhere"] * len(X)


def strange():
    return Strange()


def broken(alpha: float):
    raise RuntimeError("no licence found\\nat all")


def number():
    return 3


def many(*parts):
    return None
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of somebody's own."""
    name = "their_classifiers"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def _fit(use: str, folder: Path, **settings: Any) -> Any:
    made = find_classifier(use).make(settings, Context("cpu", "float32"))
    task = Task(ROWS, [], LABELS, seed=7)
    made.fit(task, folder=folder / "stage", target=folder / "made" / "mine", title="")
    return made, task, folder / "made" / "mine"


def test_a_function_of_another_module(module: str, tmp_path: Path) -> None:
    made, task, target = _fit(f"{module}:bayes", tmp_path, alpha=0.5)
    opened = made.open(target, task)
    found = opened.probabilities(["the goal", "soup"])
    assert found.shape == (2, 3)
    assert np.allclose(found.sum(axis=1), 1)
    # No training row has the label travel.
    assert (found[:, 2] == 0).all()
    answers = opened.answer(["the goal", "soup"])
    assert answers.given.labels == ("sport", "food")
    assert np.allclose(answers.given.probabilities, found)
    key = made.key(task)
    assert (key["use"], key["settings"]) == (f"{module}:bayes", {"alpha": 0.5})
    assert opened.answer([]).given.labels == ()


def test_a_changed_module_is_another_classifier(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context("cpu", "float32")
    task = Task(ROWS, [], LABELS, seed=7)
    before = find_classifier(f"{module}:bayes").make({}, context).key(task)
    again = find_classifier(f"{module}:bayes").make({}, context).key(task)
    assert before == again
    other = MODULE.replace("MultinomialNB(alpha=alpha)", "MultinomialNB(alpha=alpha + 1)")
    (tmp_path / f"{module}.py").write_text(other, encoding="utf-8")
    monkeypatch.delitem(sys.modules, module)
    linecache.clearcache()
    changed = find_classifier(f"{module}:bayes").make({}, context).key(task)
    assert changed != before
    own = find_classifier("tfidf-svm").make({}, context).key(task)
    assert own["source"] is None


def test_a_saved_one_is_loaded_where_its_parts_are_scikit_learns(
    module: str, tmp_path: Path
) -> None:
    _, _, target = _fit(f"{module}:logistic", tmp_path)
    loaded = tunelab.load(target)
    assert loaded.predict(["a goal", "  ", "bread"]) == ["sport", None, "food"]
    assert loaded.classes_.tolist() == list(LABELS)
    assert loaded.model is loaded.instruction is None
    assert loaded.predict_proba(["a goal"]).shape == (1, 3)


def test_code_of_a_stranger_is_not_run(module: str, tmp_path: Path) -> None:
    made, task, target = _fit(f"{module}:strange", tmp_path)
    with pytest.raises(UsageError, match=f"code of the package '{module}'"):
        tunelab.load(target)
    # The study that named the function trusts it.
    opened = made.open(target, task)
    with pytest.raises(RunError, match="predicted 'elsewhere'"):
        opened.label(["a text"])


def test_a_changed_file_is_refused(module: str, tmp_path: Path) -> None:
    _, _, target = _fit(f"{module}:bayes", tmp_path)
    content = bytearray((target / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (target / "model.skops").write_bytes(bytes(content))
    with pytest.raises(RunError, match=r"model\.skops is missing or was changed"):
        tunelab.load(target)


def _sealed_anew(target: Path) -> None:
    """As whoever changes a file would do: the record speaks for the file as it is now."""
    record = json.loads((target / "tunelab.json").read_text(encoding="utf-8"))
    record = {key: value for key, value in record.items() if key not in ("seal", "files")}
    content = json.dumps(sealed(record, file_hashes(target, ["model.skops"])))
    (target / "tunelab.json").write_text(content, encoding="utf-8")


def test_a_compressed_file_is_refused(module: str, tmp_path: Path) -> None:
    _, _, target = _fit(f"{module}:bayes", tmp_path)
    path = target / "model.skops"
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    _sealed_anew(target)
    with pytest.raises(UsageError, match="is compressed"):
        tunelab.load(target)


def test_what_skops_cannot_read_is_refused(module: str, tmp_path: Path) -> None:
    _, _, target = _fit(f"{module}:bayes", tmp_path)
    (target / "model.skops").write_bytes(b"not a file of skops")
    _sealed_anew(target)
    with pytest.raises(RunError, match="cannot be read"):
        tunelab.load(target)


def test_a_seed_is_given_where_one_is_wanted() -> None:
    made = find_classifier("tfidf-svm").make({}, Context("cpu", "float32"))
    assert made._made(11).get_params()["random_state"] == 11  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        ("bayes", {"alfa": 1}, "did you mean classifiers.0.alpha"),
        ("bayes", {"alpha": "much"}, "classifiers.0.alpha"),
        ("broken", {}, "'classifiers.0.alpha' is missing"),
        ("logistic", {"C": 1}, "unknown key 'classifiers.0.C'"),
    ],
)
def test_wrong_settings(module: str, function: str, settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_classifier(f"{module}:{function}").check(settings, "classifiers.0.")


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("nowhere_at_all:function", "cannot be imported"),
        ("their_classifiers:nothing", "cannot be imported"),
        ("their_classifiers:many", "cannot be a setting"),
        ("their_classifiers:Strange.fit", "cannot be imported"),
        ("naive", "unknown classifier"),
    ],
)
def test_what_is_not_a_classifier(module: str, use: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_classifier(use)


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        ("broken", {"alpha": 1}, "no licence found"),
        ("number", {}, "does not make a scikit-learn classifier"),
    ],
)
def test_a_function_that_makes_none(
    module: str, tmp_path: Path, function: str, settings: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _fit(f"{module}:{function}", tmp_path, **settings)


def test_not_a_function() -> None:
    with pytest.raises(UsageError, match="must be a function"):
        kind_of("mine", "text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "code",
    [
        "from sklearn.ensemble import RandomForestClassifier as C; last = C(n_estimators=3)",
        "from sklearn.neighbors import KNeighborsClassifier as C; last = C(1)",
        "from sklearn.svm import SVC as C; last = C()",
        "from sklearn.tree import DecisionTreeClassifier as C; last = C()",
        "from sklearn.ensemble import GradientBoostingClassifier as C; last = C(n_estimators=2)",
        "from sklearn.neural_network import MLPClassifier as C; last = C(4, max_iter=300)",
        "from sklearn.model_selection import GridSearchCV as S\n"
        "from sklearn.svm import LinearSVC as C; last = S(C(), {'C': [1, 2]}, cv=3)",
        "from sklearn.calibration import CalibratedClassifierCV as S\n"
        "from sklearn.svm import LinearSVC as C; last = S(C(), cv=3)",
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_whatever_scikit_learn_has_is_saved_and_loaded(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "their_other_classifier"
    made = "make_pipeline(CountVectorizer(), last)"
    head = "from sklearn.feature_extraction.text import CountVectorizer\n"
    head += "from sklearn.pipeline import make_pipeline\n"
    (tmp_path / f"{name}.py").write_text(
        f"{head}{code}\ndef make():\n    return {made}\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    estimator, task, target = _fit(f"{name}:make", tmp_path)
    expected = estimator.open(target, task).answer(["a goal", "bread"]).given.labels
    assert tuple(tunelab.load(target).predict(["a goal", "bread"])) == expected


class _Odd:
    """Probabilities that are none."""

    classes_ = np.array(["food", "sport"])

    def __init__(self, values: Any, classes: Any = None) -> None:
        self.values = values
        if classes is not None:
            self.classes_ = classes

    def predict(self, texts: Any) -> list[str]:
        return ["food"] * len(texts)

    def predict_proba(self, texts: Any) -> Any:
        return np.array([self.values] * len(texts))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_Odd([np.nan, 1.0]), "the sum 1"),
        (_Odd([0.7, 0.7]), "the sum 1"),
        (_Odd([-0.5, 1.5]), "the sum 1"),
        (_Odd([1.0]), r"has the shape \(2, 1\)"),
        (_Odd([0.5, 0.5], [0, 1]), "cannot give probabilities"),
    ],
)
def test_probabilities_that_are_none(model: Any, message: str) -> None:
    with pytest.raises(RunError, match=message):
        FittedPipeline("mine", model, LABELS).answer(["a", "b"])


def test_weights_of_classes_reach_what_has_them() -> None:
    rows = [*ROWS, *(Example(f"the team {number}", "sport") for number in range(9))]
    task = Task(rows, [], LABELS, seed=0)
    weighted = Context("cpu", "float32", training=Training(class_weights="balanced"))
    plain = Context("cpu", "float32")
    for use, acts in (("tfidf-svm", True), ("tfidf-logistic", True), ("majority", False)):
        kind = find_classifier(use)
        keys = [kind.make({}, context).key(task) for context in (plain, weighted)]
        assert (keys[0] != keys[1]) == acts


def test_weights_of_classes_change_what_is_fitted(tmp_path: Path) -> None:
    rows = [*(Example(f"the team {number}", "sport") for number in range(30)), *ROWS[3:]]
    task = Task(rows, [], LABELS, seed=0)
    shares = []
    for name, weights in (("plain", None), ("even", "balanced"), ("own", {"food": 10.0})):
        training = Training(class_weights=weights)
        made = find_classifier("tfidf-logistic").make(
            {"C": 1}, Context("cpu", "float32", training=training)
        )
        target = tmp_path / name
        made.fit(task, folder=tmp_path / f"{name}-stage", target=target, title="")
        shares.append(made.open(target, task).probabilities(["a bowl of the team"])[0, 0])
    assert shares[0] < shares[1]
    assert shares[0] < shares[2]
