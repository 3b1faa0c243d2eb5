"""The set that holds the best classifier, and the gain of the best of one group over another."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from tunelab.evaluation.statistics.best import (
    ALL_ALIKE,
    NO_ROWS,
    ONE_CLASSIFIER,
    can_be_best,
    gain_of_group,
    rows_to_tell,
)
from tunelab.evaluation.statistics.comparison import tango_interval


def _pair(only_left: int, only_right: int, both: int) -> tuple[list[float], list[float]]:
    left = [1.0] * only_left + [0.0] * only_right + [1.0] * both
    right = [0.0] * only_left + [1.0] * only_right + [1.0] * both
    return left, right


@pytest.mark.parametrize(("only_left", "only_right"), [(3, 0), (9, 2), (40, 31), (60, 30)])
def test_two_classifiers_are_mcnemars_exact_test(only_left: int, only_right: int) -> None:
    found = can_be_best(_pair(only_left, only_right, 50), seed=1, draws=40_000)
    # Nobody is better than the first one.
    better, worse = found.p_values
    assert better == 1.0
    exact = binomtest(only_left, only_left + only_right, alternative="greater").pvalue
    assert worse == pytest.approx(float(exact), abs=0.01)


def test_the_one_that_is_worse_beyond_chance_is_left_out() -> None:
    left, right = _pair(30, 5, 60)
    found = can_be_best([left, right, left], seed=1)
    assert found.inside == (True, False, True)
    assert found.rows == 95


def test_who_is_best_depends_on_no_constant_and_no_order() -> None:
    draw = np.random.default_rng(0)
    values = (draw.random((4, 120)) < [[0.9], [0.85], [0.7], [0.5]]).astype(float)
    found = can_be_best(values.tolist(), seed=3)
    assert found.inside == (True, True, False, False)
    shifted = can_be_best((5 + 2 * values).tolist(), seed=3)
    assert shifted.inside == found.inside
    turned = can_be_best(values[::-1].tolist(), seed=3)
    assert turned.inside == found.inside[::-1]
    assert can_be_best(values.tolist(), seed=3) == found


def test_rows_that_belong_together_count_once() -> None:
    left, right = _pair(12, 2, 20)
    copies = [[value for value in side for _ in range(10)] for side in (left, right)]
    groups = [row for row in range(len(left)) for _ in range(10)]
    alone = can_be_best([left, right], seed=1)
    assert can_be_best(copies, seed=1, groups=groups).p_values == alone.p_values
    with pytest.raises(ValueError, match="group"):
        can_be_best(copies, seed=1, groups=groups[:5])


def test_what_cannot_be_tested_says_why() -> None:
    assert can_be_best([[], []], seed=1).reason == NO_ROWS
    assert can_be_best([[1.0, 0.0]], seed=1).reason == ONE_CLASSIFIER
    alike = can_be_best([[1.0, 0.0], [1.0, 0.0]], seed=1)
    assert (alike.reason, alike.inside, alike.p_values) == (ALL_ALIKE, (True, True), (None, None))
    with pytest.raises(ValueError, match="same rows"):
        can_be_best([[1.0], [1.0, 0.0]], seed=1)
    with pytest.raises(ValueError, match="finite"):
        can_be_best([[1.0], [math.nan]], seed=1)


@pytest.mark.parametrize(("only_left", "only_right", "both"), [(60, 30, 150), (20, 20, 200)])
def test_the_gain_of_one_over_one_is_tangos_interval(
    only_left: int, only_right: int, both: int
) -> None:
    left, right = _pair(only_left, only_right, both)
    found = gain_of_group([left], [right], seed=1)
    low, high = tango_interval(only_left, only_right, len(left))
    assert found.value == pytest.approx((only_left - only_right) / len(left))
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)


def test_a_choice_among_more_makes_the_gain_less_sure() -> None:
    draw = np.random.default_rng(1)
    values = (draw.random((6, 200)) < 0.8).astype(float).tolist()
    few = gain_of_group(values[:1], values[3:4], seed=1)
    many = gain_of_group(values[:3], values[3:], seed=1)
    widths = [(one.high or 0.0) - (one.low or 0.0) for one in (few, many)]
    assert 0 < widths[0] < widths[1]


def test_a_gain_that_is_not_there_says_why() -> None:
    assert "no classifier" in str(gain_of_group([], [[1.0]], seed=1).reason)
    assert gain_of_group([[]], [[]], seed=1).reason == NO_ROWS
    assert gain_of_group([[1.0]], [[0.0]], seed=1).reason == "one row shows no spread"
    same = gain_of_group([[1.0, 0.0]], [[1.0, 0.0]], seed=1)
    assert (same.value, same.low, same.reason) == (0.0, None, ALL_ALIKE)


def test_rows_to_tell_is_the_normal_approximation() -> None:
    left, right = _pair(30, 18, 152)
    differences = np.array(left) - np.array(right)
    distance = norm.ppf(0.975) + norm.ppf(0.8)
    by_hand = distance**2 * differences.var(ddof=1) / differences.mean() ** 2
    assert rows_to_tell(left, right) == math.ceil(by_hand)
    assert rows_to_tell(left, left) is None
    assert rows_to_tell(*_pair(5, 5, 10)) is None
    assert rows_to_tell([1.0], [0.0]) is None


@pytest.mark.parametrize("accuracies", [(0.8, 0.8), (0.75,) * 5, (0.97, 0.97, 0.96, 0.5)])
def test_the_set_holds_the_best_in_95_of_100_studies(accuracies: tuple[float, ...]) -> None:
    # benchmarks/statistics/decisions.py does the same for more designs and more studies.
    draw = np.random.default_rng(11)
    studies, held, covered = 400, 0, 0
    for study in range(studies):
        ease = draw.standard_normal(150)
        centre = norm.ppf(accuracies)[:, None] * math.sqrt(2)
        values = (draw.standard_normal((len(accuracies), 150)) < centre + ease).astype(float)
        rows = values.tolist()
        held += can_be_best(rows, seed=study, draws=199).inside[0]
        gain = gain_of_group(rows[:1], rows[1:], seed=study, draws=199)
        truth = accuracies[0] - max(accuracies[1:])
        covered += gain.low is None or gain.low <= truth <= (gain.high or 0.0)
    # Two standard errors below what is promised.
    assert held / studies >= 0.928
    assert covered / studies >= 0.928
