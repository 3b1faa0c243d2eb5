"""Labels are chosen by sums, by means, and relative to an empty text."""

import math

import pytest

from tunelab.evaluation.choosing import adjust, choose, probabilities

LABELS = ("a", "b")


def test_sum_prefers_the_short_label_and_mean_need_not() -> None:
    rows = [[-2.0, -3.0]]
    by_sum = adjust(rows, label_tokens=[1, 3], empty_logprobs=None)
    by_mean = adjust(rows, label_tokens=[1, 3], empty_logprobs=None, normalize="mean")
    assert (choose(by_sum, LABELS), choose(by_mean, LABELS)) == (["a"], ["b"])
    assert by_mean == [[-2.0, -1.0]]


def test_calibration_takes_away_what_the_empty_text_prefers() -> None:
    rows = [[-1.0, -2.0], [-1.5, -1.6]]
    empty = [-0.5, -2.5]
    found = adjust(rows, label_tokens=[1, 1], empty_logprobs=empty, calibrate=True)
    assert found == [[-0.5, 0.5], [-1.0, pytest.approx(0.9)]]
    # Zhao et al.: p / p_empty, normalized. By hand for the first row.
    weights = [math.exp(-1) / math.exp(-0.5), math.exp(-2) / math.exp(-2.5)]
    expected = [weight / sum(weights) for weight in weights]
    assert probabilities(found)[0] == pytest.approx(expected)


def test_calibration_needs_the_empty_text() -> None:
    with pytest.raises(ValueError, match="empty text"):
        adjust([[0.0]], label_tokens=[1], empty_logprobs=None, calibrate=True)


def test_very_unlikely_labels_keep_their_shares() -> None:
    assert probabilities([[-2000.0, -2000.0]]) == [[0.5, 0.5]]
    assert probabilities([[-2000.0, 0.0]])[0] == pytest.approx([0.0, 1.0])


def test_ties_go_to_the_first_label() -> None:
    assert choose([[0.0, 0.0]], LABELS) == ["a"]
