"""The threshold for a wanted accuracy: what it keeps, what it promises, and when there is none."""

import numpy as np
import pytest
from scipy.stats import binom

from tunelab.evaluation.review.threshold import (
    Threshold,
    choose_threshold,
    kept_at,
    rows_needed,
)


def _draw(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences from 0 to 1, more of them high, each right as often as it says."""
    generator = np.random.default_rng(seed)
    sure = generator.random(rows) ** (1 / 4)
    return sure, generator.random(rows) < sure


def test_rows_without_a_wrong_one_that_are_needed() -> None:
    assert rows_needed(0.95) == 59
    assert rows_needed(0.99) == 299
    for accuracy in (0.5, 0.9, 0.95):
        least = rows_needed(accuracy)
        assert accuracy**least <= 0.05 < accuracy ** (least - 1)


def test_all_rows_are_kept_where_all_are_right_often_enough() -> None:
    sure, _ = _draw(200, 0)
    found = choose_threshold(sure, [True] * 200, accuracy=0.95)
    assert (found.value, found.kept, found.right, found.reason) == (0.0, 200, 200, None)


def test_the_rows_that_are_kept_pass_the_binomial_test() -> None:
    sure, right = _draw(3000, 1)
    values = []
    for accuracy in (0.8, 0.85, 0.9, 0.95):
        found = choose_threshold(sure, right, accuracy=accuracy)
        assert found.value is not None
        inside = right[sure >= found.value]
        assert (found.kept, found.right) == (len(inside), int(inside.sum()))
        assert binom.cdf(found.kept - found.right, found.kept, 1 - accuracy) <= 0.05
        values.append(found.value)
        # The share of right rows above v is 4 (1 - v⁵) / (5 (1 - v⁴)).
        truly = 0.8 * (1 - found.value**5) / (1 - found.value**4)
        assert accuracy <= truly < accuracy + 0.05
    assert values == sorted(values)


def test_one_wrong_answer_among_the_surest_does_not_end_the_search() -> None:
    sure, _ = _draw(2000, 2)
    right = np.ones(2000, dtype=bool)
    right[np.argmax(sure)] = False
    assert choose_threshold(sure, right, accuracy=0.95).value == 0.0


def test_rows_of_one_confidence_are_kept_together_or_not_at_all() -> None:
    sure = [0.99] * 300 + [0.6] * 300
    right = [True] * 300 + [True, False] * 150
    found = choose_threshold(sure, right, accuracy=0.95)
    assert (found.value, found.kept) == (0.99, 300)
    alike = choose_threshold([0.4] * 600, right, accuracy=0.7)
    assert (alike.value, alike.kept) == (0.0, 600)
    assert choose_threshold([0.4] * 600, right, accuracy=0.8).value is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (choose_threshold([], [], accuracy=0.95), "0 rows cannot show that 95.0 % are right"),
        (choose_threshold([0.9] * 58, [True] * 58, accuracy=0.95), "it takes 59 without"),
        (choose_threshold([0.9] * 200, [True, False] * 100, accuracy=0.9), "50.0 % of all 200"),
    ],
)
def test_where_nothing_can_be_promised_there_is_none(found: Threshold, reason: str) -> None:
    assert found.value is None
    assert reason in str(found.reason)


def test_the_promise_holds_in_simulated_studies() -> None:
    generator = np.random.default_rng(7)
    broken = chosen = 0
    for _ in range(400):
        sure = 0.5 + 0.5 * generator.random(400)
        found = choose_threshold(sure, generator.random(400) < sure, accuracy=0.9)
        if found.value is not None:
            chosen += 1
            broken += (1 + max(found.value, 0.5)) / 2 < 0.9
    assert chosen > 100
    # Three standard errors of 5 % over 400 studies.
    assert broken / 400 <= 0.05 + 0.033


def test_what_is_kept_of_other_rows() -> None:
    found = kept_at([0.9, 0.8, 0.7, 0.2], [True, False, True, True], 0.7)
    assert (found.rows, found.kept, found.right) == (4, 3, 2)
    assert found.coverage.value == 0.75
    assert found.accuracy.value == pytest.approx(2 / 3)
    # Wilson's interval of 2 of 3, as statsmodels gives it.
    assert found.accuracy.low == pytest.approx(0.2077, abs=1e-4)
    assert found.accuracy.high == pytest.approx(0.9385, abs=1e-4)
    none = kept_at([0.1, 0.2], [True, True], 0.5)
    assert (none.coverage.value, none.accuracy.value) == (0.0, None)
    assert none.accuracy.reason == "no row is kept"
    assert kept_at([], [], 0.5).coverage.reason == "there are no rows"


@pytest.mark.parametrize("accuracy", [0.0, 1.0, -1.0])
def test_an_accuracy_that_cannot_be_is_refused(accuracy: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        choose_threshold([0.5], [True], accuracy=accuracy)
    with pytest.raises(ValueError, match="one confidence for each row"):
        choose_threshold([0.5], [], accuracy=0.9)
