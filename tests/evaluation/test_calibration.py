"""Calibration by hand and against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from present import present
from tunelab.evaluation.calibration import brier, expected_calibration_error, reliability
from tunelab.evaluation.metrics import wilson_interval


def _answers(rows: int, labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(labels, 0.7), size=rows)
    return probabilities, generator.integers(labels, size=rows)


def test_brier_by_hand() -> None:
    # (0.3² + 0.2² + 0.1²) and (0.6² + 0.6² + 0²), halved.
    probabilities = [[0.7, 0.2, 0.1], [0.6, 0.4, 0.0]]
    assert brier(probabilities, [0, 1]) == pytest.approx((0.14 + 0.72) / 2)
    assert brier([[0.0, 1.0]], [0]) == 2
    assert brier([[0.0, 1.0]], [1]) == 0
    assert brier([], []) is None


@pytest.mark.parametrize("labels", [2, 3, 6])
def test_brier_equal_to_scikit_learn(labels: int) -> None:
    probabilities, truth = _answers(200, labels)
    theirs = brier_score_loss(truth, probabilities, labels=range(labels), scale_by_half=False)
    assert brier(probabilities.tolist(), truth.tolist()) == pytest.approx(theirs)


def test_calibration_error_by_hand() -> None:
    # Bin 0.6 to 0.7: confidence 0.65, accuracy 0.5; bin 0.9 to 1: confidence 0.95, accuracy 1.
    probabilities = [[0.62, 0.38], [0.32, 0.68], [0.95, 0.05], [0.95, 0.05]]
    outcome = expected_calibration_error(probabilities, [0, 0, 0, 0])
    assert outcome.value == pytest.approx(0.5 * 0.15 + 0.5 * 0.05)
    assert outcome.low is outcome.high is None
    assert "no interval" in (outcome.reason or "")
    empty = expected_calibration_error([], [])
    assert empty.value is None
    assert empty.reason == "there are no rows"


def test_reliability_equal_to_scikit_learn() -> None:
    probabilities, truth = _answers(500, 3)
    bins = reliability(probabilities.tolist(), truth.tolist(), bins=12)
    right = probabilities.argmax(axis=1) == truth
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=12)
    filled = [entry for entry in bins if entry.rows]
    assert [entry.accuracy for entry in filled] == pytest.approx(accuracy)
    assert [entry.confidence for entry in filled] == pytest.approx(confidence)
    assert sum(entry.rows for entry in bins) == 500
    first = filled[0]
    assert (first.accuracy_low, first.accuracy_high) == wilson_interval(
        round(present(first.accuracy) * first.rows), first.rows
    )
    # No answer of three labels is less confident than a third.
    assert bins[0].rows == 0
    assert bins[0].confidence is bins[0].accuracy is bins[0].accuracy_low is None


def test_edges_belong_to_the_lower_bin() -> None:
    bins = reliability([[0.5, 0.5], [1.0, 0.0]], [0, 0], bins=10)
    assert [entry.rows for entry in bins] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert [(entry.low, entry.high) for entry in bins][4] == pytest.approx((0.4, 0.5))


def test_what_is_not_a_table() -> None:
    cases: list[tuple[Any, list[int], str]] = [
        ([[0.5, 0.5]], [0, 1], "1 rows of probabilities and 2"),
        ([[0.5, 0.6]], [0], "sum to 1"),
        ([[1.5, -0.5]], [0], "sum to 1"),
        ([[float("nan"), 1.0]], [0], "sum to 1"),
        ([[0.5, 0.5]], [2], "not among the 2 columns"),
        ([[0.5, 0.5]], [-1], "not among the 2 columns"),
        ([0.5, 0.5], [0, 1], "a row an answer"),
    ]
    for probabilities, truth, message in cases:
        with pytest.raises(ValueError, match=message):
            brier(probabilities, truth)
    with pytest.raises(ValueError, match="at least one bin"):
        reliability([], [], bins=0)
