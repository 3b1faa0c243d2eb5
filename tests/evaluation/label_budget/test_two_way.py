"""Draws and rows by hand, against statsmodels' analysis of variance, SciPy and other seeds."""

import math

import numpy as np
import numpy.typing as npt
import pandas
import pytest
from scipy.stats import t, ttest_1samp
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from tunelab.evaluation.label_budget.two_way import Sample, two_way
from tunelab.evaluation.statistics.seeds import across_seeds


def _sample(values: npt.ArrayLike) -> Sample:
    table = np.asarray(values, dtype=float)
    return Sample(tuple(range(len(table))), table)


def _differences(draws: int, rows: int, seed: int) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    ease = generator.normal(size=rows) + 0.3 * generator.normal(size=(draws, 1))
    left, right = (generator.normal(size=(draws, rows)) < ease + better for better in (0.8, 0.2))
    return left.astype(float) - right


def test_by_hand() -> None:
    # Means of draws 1 and 1/2, of rows 1, 1, 1/2, 1/2.
    found = two_way([_sample([[1, 1, 1, 1], [1, 1, 0, 0]])])
    # Mean squares: draws 1/2, rows 1/6, rest 1/6.
    assert found.means[0] == 0.75
    assert found.residual[0] == pytest.approx(1 / 6)
    assert found.between_draws[0, 0] == pytest.approx(1 / 2 / 8)
    assert found.by_draws[0, 0] == pytest.approx((1 / 2 - 1 / 6) / 8)
    assert found.by_rows[0, 0] == pytest.approx(1 / 6 / 8)
    # Of the residual 1/6, with two draws 0.625 of it are taken off from 1/2.
    squares = t.ppf(0.975, 1) ** 2 * (1 / 2 - 0.625 / 6) / 8 + t.ppf(0.975, 3) ** 2 / 48
    assert found.reach() == pytest.approx(math.sqrt(squares))


@pytest.mark.parametrize("seed", range(3))
def test_mean_squares_are_those_of_statsmodels(seed: int) -> None:
    values = _differences(4, 30, seed)
    frame = pandas.DataFrame(
        [{"y": values[k, r], "draw": k, "row": r} for k in range(4) for r in range(30)]
    )
    squares = anova_lm(ols("y ~ C(draw) + C(row)", frame).fit())["mean_sq"]
    found = two_way([_sample(values)])
    assert found.residual[0] == pytest.approx(squares["Residual"])
    assert found.between_draws[0, 0] == pytest.approx(squares["C(draw)"] / 120)
    assert found.by_rows[0, 0] == pytest.approx(squares["C(row)"] / 120)
    less = (squares["C(draw)"] - squares["Residual"]) / 120
    assert found.by_draws[0, 0] == pytest.approx(less)


def test_one_sample_and_several_are_computed_alike() -> None:
    values = _differences(3, 50, 1)
    one, several = two_way([_sample(values)]), two_way([_sample(values)] * 2)
    for name in ("means", "by_draws", "between_draws", "by_rows", "residual"):
        single, first = getattr(one, name).ravel()[0], getattr(several, name).ravel()[0]
        assert single == pytest.approx(first), name
    assert several.reaches(np.array([[1.0, 0.0]]))[0] == pytest.approx(one.reach())


def test_with_many_draws_it_is_the_interval_of_seeds() -> None:
    values = _differences(40, 400, 2) > 0
    mean = values.mean()
    anywhere = across_seeds(values.tolist()).accuracy_anywhere
    # Laid off on the logit scale there.
    odds = mean / (1 - mean) * math.exp(two_way([_sample(values)]).reach() / (mean * (1 - mean)))
    assert anywhere.high == pytest.approx(odds / (1 + odds), rel=0.005)


def test_rows_that_are_alike_leave_students_test_of_the_draws() -> None:
    draws = np.array([0.3, 0.1, 0.25, -0.05])
    found = two_way([_sample(np.repeat(draws[:, None], 20, axis=1))])
    test = ttest_1samp(draws, 0)
    assert found.p_value() == pytest.approx(test.pvalue)
    interval = test.confidence_interval()
    assert found.reach() == pytest.approx((interval.high - interval.low) / 2)


def test_the_p_value_is_the_level_whose_interval_ends_at_the_margin() -> None:
    found = two_way([_sample(_differences(5, 200, 3))])
    for margin in (0.0, 0.05):
        away = abs(found.means[0] - margin)
        assert found.reach(level=found.p_value(margin)) == pytest.approx(away)
    assert found.p_value(float(found.means[0])) == 1.0


def test_weighted_sums_are_as_if_the_values_had_been_added() -> None:
    first, second = _differences(4, 60, 4), _differences(4, 60, 5)
    found = two_way([_sample(first), _sample(second)])
    weights = np.array([[0.3, 0.7], [1.0, -1.0]])
    for one, reach in zip(weights, found.reaches(weights), strict=True):
        added = two_way([_sample(one[0] * first + one[1] * second)])
        assert one @ found.means == pytest.approx(added.means[0])
        assert reach == pytest.approx(added.reach())


def test_draws_that_only_one_has_share_no_chance() -> None:
    first, second = _differences(4, 60, 6), _differences(4, 60, 7)
    apart = two_way([Sample((0, 1), first[:2]), Sample((2, 3), second[2:])])
    assert apart.by_draws[0, 1] == apart.between_draws[0, 1] == 0
    # A sample of one draw has no variance of draws, and the rows are the same for both.
    one = two_way([Sample((0, 1, 2, 3), first), Sample((0,), second[:1])])
    assert one.by_draws[1, 1] == one.by_draws[0, 1] == 0
    assert one.by_rows[0, 1] == pytest.approx(np.cov(first.mean(axis=0), second[0])[0, 1] / 60)


def test_other_means_vary_as_the_covariances_say() -> None:
    found = two_way([_sample(_differences(30, 300, seed) > 0) for seed in (8, 9)])
    assert np.linalg.eigvalsh(found.by_draws).min() > 0
    drawn = found.resampled(20_000, np.random.default_rng(0))
    assert drawn.mean(axis=0) == pytest.approx(found.means, abs=2e-3)
    # The variance of draws is that of Student's t with 29 degrees of freedom.
    variances = np.diag(found.by_draws) * 29 / 27 + np.diag(found.by_rows)
    assert drawn.var(axis=0) == pytest.approx(variances, rel=0.05)


def test_needs_draws_and_the_same_rows() -> None:
    with pytest.raises(ValueError, match="needs a draw"):
        two_way([])
    with pytest.raises(ValueError, match="same test rows"):
        two_way([_sample([[1, 0]]), _sample([[1, 0, 1]])])
    with pytest.raises(ValueError, match="no test rows"):
        two_way([_sample(np.zeros((2, 0)))])
