"""A confidence sequence of a mean: an interval that holds after every value, all at once.

Whoever looks at an ordinary 95 % interval again and again, and stops when it shows something, is
wrong far more often than in 5 %. A confidence sequence may be looked at after every value. This one
bets against each possible mean: a gambler who starts with 1 and bets fairly, if that mean is the
true one, has ever more than 1 / level with at most the probability ``level`` (Ville). The interval
holds the means against which the gambler has not won so much.

Sources: Waudby-Smith and Ramdas, Estimating Means of Bounded Random Variables by Betting, 2023
(the hedged capital process with predictable plug-in bets); Ville, Étude critique de la notion de
collectif, 1939.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

LEVEL = 0.05

# Means that are bet against, from the lower to the upper bound.
_MEANS = 1001
# No bet may cost more than this share of the capital.
_MOST = 0.5
# Values at a time: their capitals take some megabytes, and a factor of a half for each of them is
# still a number.
_AT_ONCE = 500


@dataclass(frozen=True)
class ConfidenceSequence:
    """Limits of a mean after each value, arrays (values,), which hold all together.

    Each interval lies within the one before.
    """

    low: Any
    high: Any


def confidence_sequence(
    values: "npt.ArrayLike", *, bounds: tuple[float, float] = (0.0, 1.0), level: float = LEVEL
) -> ConfidenceSequence:
    """Limits of the mean of independent values of one distribution, after each of them.

    With probability 1 - ``level`` the mean lies within all intervals at once; each side errs with
    half of it. Nothing is assumed of the values but their bounds. Limits are on a grid of a
    thousandth of the bounds' distance, rounded outwards.

    Raises:
        ValueError: a value is outside of the bounds, or the level is not between 0 and 1.
    """
    import numpy as np

    lowest, highest = bounds
    table = np.asarray(values, dtype=float)
    if not 0 < level < 1 or not lowest < highest:
        raise ValueError("the level lies between 0 and 1, and the lower bound below the upper one")
    if not ((table >= lowest) & (table <= highest)).all():
        raise ValueError(f"every value must lie from {lowest} to {highest}")
    scaled = (table - lowest) / (highest - lowest)
    bets = _bets(scaled, level)
    means = np.linspace(0.0, 1.0, _MEANS)
    with np.errstate(divide="ignore"):
        most_above, most_below = _MOST / means, _MOST / (1 - means)
    threshold = math.log(2 / level)
    won_above, won_below = np.zeros(_MEANS), np.zeros(_MEANS)
    low_ones, high_ones = np.zeros(_MEANS, dtype=bool), np.zeros(_MEANS, dtype=bool)
    lows, highs = [], []
    for start in range(0, len(scaled), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        off = scaled[part, None] - means
        bet = bets[part, None]
        # A mean of 0 is refuted by any value above it, and needs no bet.
        above = np.cumprod(1 + np.minimum(bet, most_above) * off, axis=0)
        below = np.cumprod(1 - np.minimum(bet, most_below) * off, axis=0)
        # Refuted means lie together, as capital falls the nearer a mean is to the values.
        ever = np.logical_or.accumulate(above >= _needed(threshold - won_above), axis=0) | low_ones
        low_ones = ever[-1]
        lows.append(means[np.maximum(ever.sum(axis=1) - 1, 0)])
        ever = np.logical_or.accumulate(below >= _needed(threshold - won_below), axis=0) | high_ones
        high_ones = ever[-1]
        highs.append(means[np.minimum(_MEANS - ever.sum(axis=1), _MEANS - 1)])
        # Capital that is lost for good must not become 0, whose logarithm has no number.
        won_above += np.log(np.maximum(above[-1], 1e-300))
        won_below += np.log(np.maximum(below[-1], 1e-300))
    width = highest - lowest
    empty = np.empty(0)
    return ConfidenceSequence(
        lowest + width * np.concatenate(lows) if lows else empty,
        lowest + width * np.concatenate(highs) if highs else empty,
    )


def _needed(logarithm: Any) -> Any:
    """What capital must grow to, of which no more can be written than a float holds."""
    import numpy as np

    return np.exp(np.clip(logarithm, -700.0, 700.0))


def _bets(scaled: Any, level: float) -> Any:
    """The bet on each value, which knows only the values before it."""
    import numpy as np

    count = np.arange(1, len(scaled) + 1)
    means = (0.5 + np.cumsum(scaled)) / (count + 1)
    variances = (0.25 + np.cumsum((scaled - means) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], variances[:-1]])[: len(scaled)]
    return np.sqrt(2 * math.log(2 / level) / (before * count * np.log1p(count)))
