"""scikit-learn's own checks of an estimator, as far as they can apply to texts.

scikit-learn gives every check rows of numbers. The estimator under test is TextClassifier with
one step before it, which writes a row of numbers as a text; all else is its own. Checks that
speak of the numbers themselves have nothing to check here and stand in ``NOT_FOR_TEXT``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from conftest import Workspace
from tunelab import TextClassifier

_NUMBERS = "rows of numbers reach the estimator as texts, so their type and layout are gone"
_FEATURES = "a text has no features to count"
_LEARNING = "it asks for accuracy on clusters of points, which no reader of texts can see"
NOT_FOR_TEXT = {
    "check_n_features_in": _FEATURES,
    "check_n_features_in_after_fitting": _FEATURES,
    "check_estimators_partial_fit_n_features": _FEATURES,
    "check_fit2d_predict1d": _FEATURES,
    "check_fit2d_1feature": _FEATURES,
    "check_fit1d": _FEATURES,
    "check_estimators_empty_data_messages": f"half of it is about no features: {_FEATURES}",
    "check_estimators_dtypes": _NUMBERS,
    "check_dtype_object": _NUMBERS,
    "check_complex_data": _NUMBERS,
    "check_estimators_nan_inf": _NUMBERS,
    "check_estimator_sparse_tag": _NUMBERS,
    "check_estimator_sparse_array": _NUMBERS,
    "check_estimator_sparse_matrix": _NUMBERS,
    "check_array_api_input": _NUMBERS,
    "check_f_contiguous_array_estimator": _NUMBERS,
    "check_readonly_memmap_input": _NUMBERS,
    "check_positive_only_tag_during_fit": _NUMBERS,
    "check_classifier_data_not_an_array": _NUMBERS,
    "check_classifiers_train": _LEARNING,
    "check_decision_proba_consistency": "there is no decision_function",
    "check_classifiers_one_label_sample_weights": "rows have no weights",
    "check_non_transformer_estimators_n_iter": "there is no parameter max_iter",
    "check_methods_subset_invariance": "asked below with five rows; it takes a batch for each row",
}


def _as_texts(rows: Any) -> list[str]:
    return [" ".join(f"{value:.1f}" for value in row) for row in np.asarray(rows)]


class TextClassifierOfNumbers(TextClassifier):
    """TextClassifier that takes rows of numbers, each as a text."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = False
        return tags

    def fit(self, X: Any, y: Any = None) -> "TextClassifierOfNumbers":  # noqa: N803
        super().fit(_as_texts(X), y)
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return super().predict_proba(_as_texts(X))


def _name(check: Callable[..., None]) -> str:
    name: str = (check.func if isinstance(check, partial) else check).__name__
    return name


def _checks() -> list[Any]:
    """The checks, each once."""
    found: dict[str, Callable[..., None]] = {}
    for _, check in estimator_checks_generator(TextClassifierOfNumbers()):
        found.setdefault(_name(check), check)
    return list(found.values())


def _estimator(workspace: Workspace) -> TextClassifierOfNumbers:
    return TextClassifierOfNumbers(
        str(workspace.folder / "model"),
        epochs=1,
        batch_size=256,
        max_length=96,
        learning_rate=0.01,
        validation_fraction=0,
    )


APPLYING = [check for check in _checks() if _name(check) not in NOT_FOR_TEXT]


@pytest.mark.parametrize("check", APPLYING, ids=_name)
def test_a_check_of_scikit_learn_passes(workspace: Workspace, check: Callable[[Any], None]) -> None:
    check(_estimator(workspace))


def test_every_check_is_run_or_explained() -> None:
    names = {_name(check) for check in _checks()}
    assert set(NOT_FOR_TEXT) <= names
    assert len(APPLYING) >= 20


def test_subsets_of_rows_give_the_same(workspace: Workspace) -> None:
    rows = np.random.default_rng(0).normal(size=(6, 3))
    fitted = _estimator(workspace).fit(rows, [0, 1] * 3)
    whole = fitted.predict_proba(rows)
    alone = np.vstack([fitted.predict_proba(rows[[row]]) for row in range(5)])
    assert np.abs(whole[:5] - alone).max() < 1e-5
