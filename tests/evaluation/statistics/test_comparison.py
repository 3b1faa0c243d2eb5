"""Paired comparisons against published examples, SciPy, statsmodels, and a likelihood by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm, ttest_rel
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from present import present
from tunelab.evaluation.statistics.comparison import (
    compare,
    compare_means,
    compare_numbers,
    compare_shares,
    tango_interval,
)

COUNTS = st.tuples(st.integers(0, 15), st.integers(0, 15), st.integers(0, 30)).filter(sum)


def _rows(only_left: int, only_right: int, alike: int) -> tuple[list[bool], list[bool]]:
    left = [True] * only_left + [False] * only_right + [True] * alike
    return left, [False] * only_left + [True] * only_right + [True] * alike


def test_published_interval() -> None:
    # Fagerland, Lydersen and Laake, Recommended tests and confidence intervals for paired
    # binomial proportions, 2014: airway hyper-responsiveness, 1, 1, 7, 12 of 21.
    outcome = compare_shares(*_rows(1, 7, 13))
    assert outcome.value == pytest.approx(-0.286, abs=5e-4)
    assert (outcome.low, outcome.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert outcome.p_value == pytest.approx(0.0703, abs=5e-5)
    # R's contingencytables prints this for Cavo et al., 2012: 59, 6, 16, 80.
    assert tango_interval(6, 16, 161) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


def test_published_rows() -> None:
    # Connor, 1987, as at powerandsamplesize.com: shares 0.45 and 0.05 of discordant rows.
    assert compare_shares(*_rows(9, 1, 10)).rows_needed == 23


def test_mcnemar_by_hand() -> None:
    # 6 rows against 1: p = 2 · (C(7,0) + C(7,1)) / 2^7 = 0.125.
    outcome = compare_shares(*_rows(6, 1, 3))
    assert outcome.p_value == pytest.approx(0.125)
    assert outcome.value == pytest.approx(0.5)
    assert outcome.effect == 6
    assert outcome.details == {"only_left": 6, "only_right": 1, "cohens_g": pytest.approx(5 / 14)}
    short = compare(*_rows(6, 1, 3))
    assert (short.only_left, short.only_right) == (6, 1)
    assert (short.difference, short.p_value) == (outcome.value, outcome.p_value)


@given(COUNTS)
def test_equal_to_statsmodels(counts: tuple[int, int, int]) -> None:
    only_left, only_right, alike = counts
    outcome = compare_shares(*_rows(*counts))
    table = [[alike, only_left], [only_right, 0]]
    if only_left + only_right:
        assert outcome.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)
    else:
        assert outcome.p_value is None


@given(COUNTS)
def test_limits_solve_the_score_equation(counts: tuple[int, int, int]) -> None:
    only_left, only_right, alike = counts
    rows = sum(counts)
    low, high = tango_interval(only_left, only_right, rows)
    assert -1 <= low <= (only_left - only_right) / rows <= high <= 1
    for limit, target in ((low, norm.ppf(0.975)), (high, norm.ppf(0.025))):
        if abs(limit) > 1 - 1e-9:
            continue

        def likelihood(share: float, limit: float = limit) -> float:
            cells = (
                (only_left, share + limit),
                (only_right, share),
                (alike, 1 - 2 * share - limit),
            )
            return -sum(count * math.log(max(part, 1e-300)) for count, part in cells if count)

        bounds = (max(0.0, -limit), (1 - limit) / 2)
        share = minimize_scalar(
            likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}
        ).x
        variance = rows * (2 * share + limit - limit**2)
        statistic = (only_left - only_right - rows * limit) / math.sqrt(variance)
        assert statistic == pytest.approx(target, rel=2e-3)


@given(COUNTS)
def test_sides_can_be_swapped(counts: tuple[int, int, int]) -> None:
    left, right = _rows(*counts)
    one, other = compare_shares(left, right, margin=0.1), compare_shares(right, left, margin=-0.1)
    assert one.value == pytest.approx(-present(other.value))
    assert (one.low, one.high) == pytest.approx(
        (-present(other.high), -present(other.low)), abs=1e-9
    )
    assert one.p_value == pytest.approx(other.p_value)
    assert one.rows_needed == other.rows_needed


def test_other_margin() -> None:
    left, right = _rows(12, 5, 33)
    plain = compare_shares(left, right)
    for limit in (plain.low, plain.high):
        outcome = compare_shares(left, right, margin=present(limit))
        assert outcome.p_value == pytest.approx(0.05, abs=1e-6)
        assert outcome.test == "Tango's score test"
        assert (outcome.low, outcome.high) == (plain.low, plain.high)
    # At a margin next to 0 it is the McNemar test without exactness.
    near = compare_shares(left, right, margin=1e-9).p_value
    table = [[33, 12], [5, 0]]
    assert near == pytest.approx(mcnemar(table, exact=False, correction=False).pvalue, abs=1e-6)
    with pytest.raises(ValueError, match="cannot be 1"):
        compare_shares(left, right, margin=1)


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_rows_needed_give_the_power(margin: float) -> None:
    shares = (0.25, 0.1)
    outcome = compare_shares(*_rows(25, 10, 65), margin=margin)
    needed = present(outcome.rows_needed)
    generator = np.random.default_rng(0)
    tables = generator.multinomial(needed, [*shares, 1 - sum(shares)], size=300)
    found = [tango_interval(int(table[0]), int(table[1]), needed) for table in tables]
    power = sum(low > margin for low, _ in found) / len(found)
    assert power == pytest.approx(0.8, abs=0.08)


def test_shares_without_a_test() -> None:
    alike = compare_shares([True] * 10, [True] * 10)
    # Tango's interval without discordant rows: z² / (n + z²) to either side.
    limit = norm.ppf(0.975) ** 2 / (10 + norm.ppf(0.975) ** 2)
    assert (alike.value, alike.low, alike.high) == pytest.approx((0, -limit, limit), abs=1e-9)
    assert alike.p_value is alike.effect is alike.rows_needed is None
    assert "no row on which only one" in (alike.reason or "")
    # Tango's test needs no discordant rows to tell a difference of 0 from another.
    far = compare_shares([True] * 100, [True] * 100, margin=0.1)
    assert present(far.p_value) < 0.01
    one_sided = compare_shares(*_rows(3, 0, 7))
    assert one_sided.effect is None
    assert "no bound" in (one_sided.reason or "")
    assert one_sided.p_value == pytest.approx(0.25)
    balanced = compare_shares(*_rows(2, 2, 6))
    assert balanced.p_value == 1
    assert balanced.rows_needed is None
    assert "equals the margin" in (balanced.reason or "")
    empty = compare_shares([], [])
    assert empty.value is empty.low is empty.high is empty.p_value is None
    assert empty.reason == "there are no rows"
    with pytest.raises(ValueError, match="2 rows on the left"):
        compare_shares([True, True], [True])
    with pytest.raises(ValueError, match="cannot hold"):
        tango_interval(1, 0, 0)


def test_one_row_of_shares() -> None:
    outcome = compare_shares([True], [False])
    assert (outcome.value, outcome.high, outcome.p_value) == (1, 1, 1)
    assert -1 < present(outcome.low) < 0.3


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=30).filter(
        lambda rows: len({a - b for a, b in rows}) > 1
    )
)
def test_means_equal_to_scipy_and_statsmodels(rows: list[tuple[int, int]]) -> None:
    left, right = [row[0] for row in rows], [row[1] for row in rows]
    outcome = compare_means(left, right)
    assert outcome.p_value == pytest.approx(ttest_rel(left, right).pvalue)
    differences = np.subtract(left, right)
    interval = DescrStatsW(differences).tconfint_mean()
    assert (outcome.low, outcome.high) == pytest.approx(interval)
    assert outcome.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    shifted = compare_means(left, right, margin=2.5)
    assert shifted.p_value == pytest.approx(DescrStatsW(differences).ttest_mean(2.5)[1])


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.2, 0.5, 1.0, 3.0])
def test_rows_of_means_equal_to_statsmodels(effect: float) -> None:
    # Differences of mean ``effect`` and standard deviation 1.
    differences = effect + math.sqrt(0.5) * np.array([-1.0, 1.0])
    outcome = compare_means(differences.tolist(), [0.0, 0.0])
    needed = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=0.8)
    assert outcome.effect == pytest.approx(effect)
    assert outcome.rows_needed == math.ceil(needed)


def test_means_without_spread() -> None:
    for left, right in (([3.0], [1.0]), ([3.0, 5.0], [1.0, 3.0]), ([0.3, 0.1], [0.2, 0.0])):
        outcome = compare_means(left, right)
        assert outcome.value == pytest.approx(left[0] - right[0])
        assert outcome.low is outcome.high is outcome.p_value is outcome.effect is None
        assert "no spread" in (outcome.reason or "")
    assert compare_means([], []).reason == "there are no rows"
    at_margin = compare_means([1.0, 3.0], [0.0, 0.0], margin=2.0)
    assert at_margin.p_value == pytest.approx(1)
    assert at_margin.rows_needed is None
    assert "equals the margin" in (at_margin.reason or "")
    # An effect of many standard deviations needs the two rows of any t test, or three.
    assert compare_means([1e6, 1e6 + 1], [0.0, 0.0]).rows_needed == 2
    with pytest.raises(ValueError, match="2 numbers on the left"):
        compare_means([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="finite"):
        compare_means([math.nan], [1.0])


def test_counted_quantities() -> None:
    outcome = compare_numbers(1_200, 130_000, margin=-5.0)
    assert outcome.value == outcome.low == outcome.high == -128_800
    assert outcome.p_value is None
    assert outcome.reason == "counted, not sampled"
    assert (outcome.rows, outcome.margin) == (0, -5.0)
    assert outcome.effect == pytest.approx(1_200 / 130_000)
    assert compare_numbers(1, 0).effect is None
