"""TextClassifier obeys scikit-learn, and keeps what it learned."""

import copy
import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

import tunelab
from conftest import TEXTS, Workspace
from tunelab import TextClassifier
from tunelab.errors import UsageError

ROWS = [
    (f"{text} {number}", label) for number in range(2) for label in TEXTS for text in TEXTS[label]
]
X = [text for text, _ in ROWS]
Y = np.array([label for _, label in ROWS])


@pytest.fixture(scope="module")
def model(workspace: Workspace) -> str:
    return str(workspace.folder / "model")


@pytest.fixture
def quick(model: str) -> TextClassifier:
    """One step over all rows."""
    return TextClassifier(
        model,
        epochs=1,
        batch_size=64,
        max_length=96,
        learning_rate=0.01,
        validation_fraction=0,
        method_settings={"r": 2, "alpha": 4},
    )


@pytest.fixture(scope="module")
def fitted(model: str) -> TextClassifier:
    return TextClassifier(model, epochs=2, batch_size=8, max_length=96, random_state=3).fit(X, Y)


def test_it_learns_and_tells_what_it_did(fitted: TextClassifier) -> None:
    assert list(fitted.classes_) == ["anger", "fear", "joy"]
    # 22 of 24 rows train, in batches of 8.
    assert fitted.n_iter_ == 6
    assert fitted.best_loss_ is not None
    assert fitted.best_loss_ > 0


def test_predictions_are_the_likeliest_classes(fitted: TextClassifier) -> None:
    found = fitted.predict_proba(X)
    assert found.shape == (24, 3)
    assert found.sum(axis=1) == pytest.approx(np.ones(24))
    predicted = fitted.predict(X)
    assert list(predicted) == list(fitted.classes_[found.argmax(axis=1)])
    assert predicted.dtype == fitted.classes_.dtype
    assert fitted.score(X, Y) == pytest.approx(np.mean(predicted == Y))
    # A text is answered by itself: neither its neighbours nor their order matter.
    assert fitted.predict_proba([X[5], "", X[5]])[[0, 2]] == pytest.approx(
        np.array([found[5], found[5]]), abs=1e-5
    )


@pytest.mark.parametrize("kind", [tuple, np.array, pd.Series], ids=lambda kind: kind.__name__)
def test_every_row_of_texts_gives_the_same(fitted: TextClassifier, kind: Any) -> None:
    assert (fitted.predict_proba(kind(X[:4])) == fitted.predict_proba(X[:4])).all()


def test_the_same_random_state_gives_the_same_bytes(
    quick: TextClassifier, fitted: TextClassifier
) -> None:
    again = clone(fitted).fit(X, Y)
    assert again.adapter_.files == fitted.adapter_.files
    other = clone(fitted).set_params(random_state=4).fit(X, Y)
    name = "adapter_model.safetensors"
    assert other.adapter_.files[name] != fitted.adapter_.files[name]


def test_random_numbers_of_the_caller_are_left_alone(quick: TextClassifier) -> None:
    import torch

    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = (random.random(), np.random.rand(), torch.rand(1).item())
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    quick.fit(X[:12], Y[:12])
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected


def test_pickles_and_copies_hold_the_bytes_and_no_model(fitted: TextClassifier) -> None:
    expected = fitted.predict_proba(X[:4])
    content = pickle.dumps(fitted)
    assert b"torch" not in content
    for other in (pickle.loads(content), copy.deepcopy(fitted)):
        assert (other.predict_proba(X[:4]) == expected).all()
        assert other.get_params() == fitted.get_params()


def test_what_is_saved_is_loaded(fitted: TextClassifier, tmp_path: Path) -> None:
    folder = fitted.save(tmp_path / "saved")
    expected = fitted.predict_proba(X[:4])
    loaded = TextClassifier.load(folder)
    assert (loaded.predict_proba(X[:4]) == expected).all()
    assert list(loaded.classes_) == list(fitted.classes_)
    assert loaded.get_params() == fitted.get_params()
    assert (loaded.n_iter_, loaded.best_loss_) == (fitted.n_iter_, fitted.best_loss_)
    # The rest of tunelab opens it as an adapter.
    assert (tunelab.load(folder).predict_proba(X[:4]) == expected).all()
    fitted.save(folder)


def test_labels_that_are_no_texts_come_back_as_they_were(
    quick: TextClassifier, tmp_path: Path
) -> None:
    flags = pd.Series(Y == "joy")
    quick.set_params(folder=tmp_path / "here").fit(pd.Series(X), flags)
    assert quick.classes_.tolist() == [False, True]
    assert quick.predict(X).dtype == bool
    loaded = TextClassifier.load(tmp_path / "here")
    assert loaded.classes_.dtype == bool
    assert list(loaded.predict(X)) == list(quick.predict(X))


def test_what_was_changed_on_disk_is_refused(fitted: TextClassifier, tmp_path: Path) -> None:
    folder = fitted.save(tmp_path / "saved")
    record = folder / "text_classifier.json"
    whole = record.read_text(encoding="utf-8")
    values = json.loads(whole)
    for change in (
        whole.replace("anger", "danger"),
        whole[:100],
        "[]",
        json.dumps({**values, "classes": {"type": "U9999", "values": ["a", "b"]}}),
    ):
        record.write_text(change, encoding="utf-8")
        with pytest.raises(UsageError, match="damaged or was changed"):
            TextClassifier.load(folder)
    with pytest.raises(UsageError, match=r"holds no text_classifier\.json"):
        TextClassifier.load(tmp_path)


def test_other_files_are_not_replaced(fitted: TextClassifier, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for target in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(UsageError, match=r"name a new folder|is a file"):
            fitted.save(target)
        with pytest.raises(UsageError, match=r"name a new folder|is a file"):
            clone(fitted).set_params(folder=target).fit(X, Y)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_it_is_a_classifier_of_texts(quick: TextClassifier) -> None:
    assert is_classifier(quick)
    tags = get_tags(quick)
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.target_tags.required
    assert clone(quick).get_params() == quick.get_params()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "save"])
def test_unfitted_it_says_so(quick: TextClassifier, method: str) -> None:
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(quick, method)(X)
    with pytest.raises(NotFittedError):
        quick.score(X, Y)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"model": "smollm2-135m-instrct"}, "did you mean smollm2-135m-instruct"),
        ({"model": "/nowhere/model"}, "there is no model folder"),
        ({"method": "lorra"}, "did you mean"),
        ({"method_settings": {"rr": 4}}, "unknown key 'method_settings.rr'"),
        ({"method_settings": {"r": 0}}, "method_settings.r = 0"),
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": "many"}, "epochs"),
        ({"learning_rate": -1}, "learning_rate = -1"),
        ({"batch_size": 1.5}, "batch_size = 1.5"),
        ({"max_length": 2}, "max_length = 2"),
        ({"max_length": 12}, "^max_length=12 leaves no room for the text"),
        ({"max_length": 600}, "^max_length=600 is longer than the model's context"),
        ({"instruction": 3}, "instruction is 3"),
        ({"validation_fraction": 1}, "from 0 to below 1"),
        ({"validation_fraction": None}, "must be a number"),
        ({"random_state": -1}, "random_state is -1"),
        ({"random_state": "one"}, "random_state is 'one'"),
        ({"device": "tpu"}, "device=tpu"),
        ({"precision": "float64"}, "precision = "),
        ({"precision": "float16", "device": "cpu"}, "needs a GPU"),
    ],
)
def test_a_wrong_parameter_is_told_by_fit(
    quick: TextClassifier, parameters: dict[str, Any], told: str
) -> None:
    # Not before: cloning and searching set parameters that are never used.
    quick.set_params(**parameters)
    with pytest.raises(UsageError, match=told):
        quick.fit(X, Y)


def test_numbers_of_numpy_are_parameters_as_well(quick: TextClassifier) -> None:
    quick.set_params(
        epochs=np.float64(1),
        batch_size=np.int64(64),
        max_length=np.int32(96),
        random_state=np.int64(2),
        method_settings={"r": np.int64(2)},
    )
    quick.fit(X[:6], ["a", "b"] * 3)
    assert quick.set_params(random_state=np.random.RandomState(2)).fit(X[:6], ["a", "b"] * 3)


def test_cross_validation(quick: TextClassifier) -> None:
    scores = cross_val_score(quick, X, Y, cv=2, error_score="raise")
    assert scores.shape == (2,)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_search_over_two_settings(quick: TextClassifier) -> None:
    search = GridSearchCV(
        quick, {"method_settings": [{"r": 1}, {"r": 2}]}, cv=2, error_score="raise"
    )
    search.fit(np.array(X), Y)
    assert search.best_params_ in search.cv_results_["params"]
    assert search.predict(X[:3]).shape == (3,)
    assert list(search.classes_) == ["anger", "fear", "joy"]


def test_calibration(quick: TextClassifier) -> None:
    calibrated = CalibratedClassifierCV(quick, cv=2).fit(X, Y)
    found = calibrated.predict_proba(X[:5])
    assert found.shape == (5, 3)
    assert found.sum(axis=1) == pytest.approx(np.ones(5))


def test_a_pipeline_that_changes_texts(quick: TextClassifier) -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    loud = [text.upper() for text in X]
    pipeline = make_pipeline(lower, quick).fit(loud, Y)
    assert (pipeline.predict_proba(loud) == pipeline.predict_proba(X)).all()
    named = pipeline.get_params()
    assert named["textclassifier__epochs"] == 1


@pytest.mark.smollm2
def test_smollm2_is_cross_validated() -> None:
    """A real model, two folds of four short rows."""
    classifier = TextClassifier(
        epochs=1,
        batch_size=4,
        max_length=64,
        instruction="Answer with one of: {labels}.",
        validation_fraction=0,
    )
    texts, labels = [*X[:2], *X[8:10], *X[2:4], *X[10:12]], ["joy", "joy", "no", "no"] * 2
    scores = cross_val_score(classifier, texts, labels, cv=2, error_score="raise")
    assert ((scores >= 0) & (scores <= 1)).all()
