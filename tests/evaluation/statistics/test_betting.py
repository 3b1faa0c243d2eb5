"""Confidence sequences by betting: the formulas of the paper bet by bet, and what they cover."""

import math

import numpy as np
import pytest

from tunelab.evaluation.statistics.betting import confidence_sequence


def _refuted(values: list[float], mean: float, level: float) -> bool:
    """Whether the hedged capital against one mean has ever reached 1 / level, bet by bet.

    Written from Waudby-Smith and Ramdas, 2023: their hedged capital with weights of one half and
    bets that lose at most half of the capital, the predictable plug-in bets, and their variance.
    """
    above = below = 1.0
    total, squares, variance = 0.5, 0.25, 0.25
    for count, value in enumerate(values, start=1):
        bet = math.sqrt(2 * math.log(2 / level) / (variance * count * math.log(count + 1)))
        above *= 1 + min(bet, 0.5 / mean) * (value - mean)
        below *= 1 - min(bet, 0.5 / (1 - mean)) * (value - mean)
        if max(above / 2, below / 2) >= 1 / level:
            return True
        total += value
        squares += (value - total / (count + 1)) ** 2
        variance = squares / (count + 1)
    return False


@pytest.mark.parametrize(("share", "rows"), [(0.8, 60), (0.1, 40), (0.5, 120)])
def test_equal_to_the_formulas_of_the_paper(share: float, rows: int) -> None:
    values = (np.random.default_rng(rows).random(rows) < share).astype(float).tolist()
    found = confidence_sequence(values)
    low, high = found.low[-1], found.high[-1]
    for mean in np.arange(0.005, 1, 0.01).tolist():
        if mean <= low or mean >= high:
            assert _refuted(values, mean, 0.05)
        elif low + 0.001 < mean < high - 0.001:
            assert not _refuted(values, mean, 0.05)


def test_it_holds_after_every_value() -> None:
    generator = np.random.default_rng(1)
    ever = 0
    for _ in range(100):
        found = confidence_sequence((generator.random(150) < 0.7).astype(float), level=0.1)
        ever += found.low.max() > 0.7 or found.high.min() < 0.7
    # With 10 % wrong, 20 of 100 or more have a probability of 1 in 500.
    assert ever < 20


def test_intervals_lie_within_each_other_and_shrink() -> None:
    values = np.random.default_rng(2).random(1200)
    found = confidence_sequence(values)
    assert (np.diff(found.low) >= 0).all()
    assert (np.diff(found.high) <= 0).all()
    assert found.low[-1] < values.mean() < found.high[-1]
    # Values that vary little: narrower than Hoeffding's interval, which may be looked at once.
    near = confidence_sequence(0.5 + (values - 0.5) / 10)
    assert near.high[-1] - near.low[-1] < 2 * math.sqrt(math.log(2 / 0.05) / 2 / 1200)
    # What comes later does not change what was said.
    assert (confidence_sequence(values[:700]).low == found.low[:700]).all()


def test_bounds_move_the_interval() -> None:
    values = (np.random.default_rng(3).random(100) < 0.6).astype(float)
    plain, wide = confidence_sequence(values), confidence_sequence(2 * values - 1, bounds=(-1, 1))
    assert wide.low == pytest.approx(2 * plain.low - 1)
    assert wide.high == pytest.approx(2 * plain.high - 1)
    assert plain.low[0] == 0.0
    assert plain.high[0] == 1.0


def test_no_values_and_wrong_ones() -> None:
    assert len(confidence_sequence([]).low) == 0
    with pytest.raises(ValueError, match=r"from 0\.0 to 1\.0"):
        confidence_sequence([0.5, 1.5])
    with pytest.raises(ValueError, match=r"from 0\.0 to 1\.0"):
        confidence_sequence([math.nan])
    with pytest.raises(ValueError, match="level"):
        confidence_sequence([0.5], level=0)
