"""The bootstrap against SciPy's, against closed forms, and its interval against its p-value."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from tunelab.evaluation.statistics.bootstrap import Bootstrap, bootstrap, limits, two_sided_p

VALUES = np.random.default_rng(3).gamma(3.0, size=60)


def _mean(weights: np.ndarray) -> np.ndarray:
    found: np.ndarray = weights @ VALUES / weights.sum(axis=1)
    return found[:, None]


def _sample(resamples: int = 20_000, seed: int = 0) -> Bootstrap:
    return bootstrap(np.ones(60), _mean, rows=60, seed=seed, resamples=resamples)[0]


def test_closed_forms_of_a_mean() -> None:
    sample = _sample()
    assert sample.value == pytest.approx(VALUES.mean())
    assert sample.error == pytest.approx(VALUES.std() / np.sqrt(60), rel=0.02)
    assert sample.acceleration == pytest.approx(scipy.stats.skew(VALUES) / 6 / np.sqrt(60))
    kurtosis = scipy.stats.kurtosis(VALUES, fisher=False)
    assert sample.freedom == pytest.approx(2 * 60 / (kurtosis - 1))
    assert sample.bias == pytest.approx(0, abs=0.05)


def test_equal_to_scipy() -> None:
    theirs = scipy.stats.bootstrap(
        (VALUES,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    ours = limits(_sample())
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03 * (theirs.high - theirs.low))


def test_students_quantile_reaches_further() -> None:
    sample = _sample()
    low, high = limits(sample)
    wider = limits(sample, freedom=10)
    assert wider[0] < low < high < wider[1]
    # That of 10 degrees of freedom at 95 % is the normal one at this confidence.
    same = 2 * scipy.stats.norm.cdf(scipy.stats.t.ppf(0.975, 10)) - 1
    assert wider == pytest.approx(limits(sample, same))
    assert two_sided_p(sample, wider[0], freedom=10) == pytest.approx(0.05, abs=0.005)


def test_cells_are_as_good_as_rows() -> None:
    # 70 rows of 1 and 30 of 0, in two cells: the binomial distribution.
    sample = bootstrap(
        [30, 70],
        lambda weights: weights[:, 1:] / weights.sum(axis=1, keepdims=True),
        rows=100,
        seed=0,
        resamples=20_000,
    )[0]
    quantiles = scipy.stats.binom.ppf([0.1, 0.25, 0.5, 0.75, 0.9], 100, 0.7) / 100
    assert np.quantile(sample.draws, [0.1, 0.25, 0.5, 0.75, 0.9]) == pytest.approx(quantiles)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 0.995), st.integers(0, 5))
def test_p_value_agrees_with_the_interval(confidence: float, seed: int) -> None:
    sample = _sample(4000, seed)
    for limit in limits(sample, confidence):
        assert two_sided_p(sample, limit) == pytest.approx(1 - confidence, abs=0.005)


def test_p_value_is_never_nought() -> None:
    sample = _sample(999)
    for far in (-100, 100):
        assert 1 / 1000 <= two_sided_p(sample, far) < 0.005
    assert two_sided_p(sample, sample.value) > 0.8


def test_p_value_of_a_mean_is_near_that_of_a_t_test() -> None:
    values = np.random.default_rng(0).normal(0.15, 1, size=80)
    sample = bootstrap(
        np.ones(80),
        lambda weights: (weights @ values / weights.sum(axis=1))[:, None],
        rows=80,
        seed=0,
        resamples=20_000,
    )[0]
    assert two_sided_p(sample, 0) == pytest.approx(
        scipy.stats.ttest_1samp(values, 0).pvalue, rel=0.2
    )


def test_without_spread() -> None:
    def share(weights: np.ndarray) -> np.ndarray:
        found: np.ndarray = weights[:, :1] / weights.sum(axis=1, keepdims=True)
        return found

    sample = bootstrap([7], share, rows=7, seed=0, resamples=50)[0]
    assert sample.degenerate
    assert sample.acceleration == 0
    assert not bootstrap([7, 1], share, rows=8, seed=0, resamples=50)[0].degenerate


def test_nothing_to_resample() -> None:
    for rows, resamples in ((0, 10), (60, 1)):
        with pytest.raises(ValueError, match="needs rows"):
            bootstrap(np.ones(60), _mean, rows=rows, seed=0, resamples=resamples)
