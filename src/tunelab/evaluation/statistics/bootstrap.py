"""Bootstrap of statistics of counted cells, with bias-corrected and accelerated intervals.

Rows that agree in everything a statistic reads make up a cell. Drawing rows with replacement is
drawing the cells' counts from a multinomial distribution, which takes a fraction of the time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CONFIDENCE = 0.95

# A step towards one cell that is small enough for a derivative and large enough for its digits.
_STEP = 1e-5
# Below this Student's quantile would reach past what some thousand resamples can show.
_LEAST_FREEDOM = 4.0
# Resamples at a time: their counts take some megabytes.
_AT_ONCE = 500


@dataclass(frozen=True)
class Bootstrap:
    """A statistic of the rows, and its resampled values in order.

    ``bias`` and ``acceleration`` are z0 and a of the BCa interval. ``freedom`` are the degrees of
    freedom of the variance that the rows show, few where few rows move the statistic.
    ``undefined`` is the share of the resamples in which it has no value; they are left out.
    """

    value: float
    draws: Any
    bias: float
    acceleration: float
    freedom: float
    undefined: float = 0.0

    @property
    def error(self) -> float:
        """Standard deviation of the resampled values."""
        return float(self.draws.std(ddof=1))

    @property
    def degenerate(self) -> bool:
        """Whether all resamples give one value, up to floating point."""
        return bool(self.draws[-1] - self.draws[0] <= 1e-12 * max(1.0, abs(self.value)))


def bootstrap(
    weights: Any,
    statistics: Callable[[Any], Any],
    *,
    rows: int,
    seed: int,
    resamples: int,
    units: Any = None,
) -> list[Bootstrap]:
    """Bootstrap several statistics of the same rows with the same resamples.

    Each resample draws ``rows`` rows from cells of these ``weights`` (cells,), which are the rows
    counted in each cell or, for a smoothed bootstrap, near them. ``statistics`` maps weights
    (samples, cells) to values (samples, statistics), NaN where one is not defined, and does not
    depend on the weights' sum.

    Where rows belong together, groups of them are drawn: ``units`` (kinds, cells) are the rows of
    a group of each kind in each cell, ``weights`` (kinds,) count the groups of each kind, and
    ``rows`` counts the groups.

    Raises:
        ValueError: there are no rows, or fewer than two resamples.
    """
    import numpy as np
    from scipy.special import ndtri

    if rows < 1 or resamples < 2:
        raise ValueError("a bootstrap needs rows and at least two resamples")
    weights = np.asarray(weights, dtype=float)
    shares = weights / weights.sum()

    def rows_of(drawn: Any) -> Any:
        return drawn if units is None else drawn @ units

    generator = np.random.default_rng(seed)
    parts = [
        statistics(
            rows_of(generator.multinomial(rows, shares, size=min(_AT_ONCE, resamples - start)))
        )
        for start in range(0, resamples, _AT_ONCE)
    ]
    draws = np.sort(np.concatenate(parts), axis=0)
    values = statistics(rows_of(shares)[None])[0]
    # Infinitesimal jackknife: how a statistic moves as weight goes to the rows of one cell.
    moved = statistics(rows_of((1 - _STEP) * shares + _STEP * np.eye(len(shares))))
    influence = (moved - values) / _STEP
    influence -= shares @ influence
    second, third, fourth = (shares @ influence**power for power in (2, 3, 4))
    found = []
    for position, value in enumerate(values.tolist()):
        # NaN is sorted behind all numbers.
        kept = resamples - int(np.isnan(draws[:, position]).sum())
        if kept < 2:
            found.append(Bootstrap(value, np.full(2, value), 0.0, 0.0, math.inf, 1.0))
            continue
        column = draws[:kept, position]
        below = np.searchsorted(column, value - 1e-12) + np.searchsorted(column, value + 1e-12)
        share = min(max(below / 2, 1), kept - 1) / kept
        spread = second[position]
        kurtosis = fourth[position] / spread**2 if spread > 1e-20 else math.inf
        found.append(
            Bootstrap(
                value=value,
                draws=column,
                bias=float(ndtri(share)),
                acceleration=float(third[position] / spread**1.5 / 6 / math.sqrt(rows))
                if spread > 1e-20
                else 0.0,
                # The variance of a variance goes with the kurtosis less 1, and is 2 over its
                # degrees of freedom.
                freedom=max(_LEAST_FREEDOM, 2 * rows / (kurtosis - 1))
                if kurtosis > 1
                else math.inf,
                undefined=1 - kept / resamples,
            )
        )
    return found


def limits(
    sample: Bootstrap,
    confidence: float = CONFIDENCE,
    *,
    freedom: float = math.inf,
    stretch: float = 1.0,
) -> tuple[float, float]:
    """The bias-corrected and accelerated interval.

    With a finite ``freedom`` Student's quantile takes the place of the normal one. ``stretch``
    makes up for the narrowness of few draws: a resample of n has a variance that is smaller by
    (n − 1) / n.

    Source: Efron, Better Bootstrap Confidence Intervals, 1987; the acceleration by the
    infinitesimal jackknife: Davison and Hinkley, Bootstrap Methods and Their Application, 1997;
    Student's quantile: Hesterberg, What Teachers Should Know About the Bootstrap, 2015.
    """
    import numpy as np
    from scipy.special import ndtr, stdtrit

    reach = stretch * float(stdtrit(freedom, (1 + confidence) / 2))
    shares = []
    for sign in (-1, 1):
        distance = sample.bias + sign * reach
        bend = 1 - sample.acceleration * distance
        # Past the pole of the correction lies the end of the distribution.
        shares.append(float(ndtr(sample.bias + distance / bend)) if bend > 0 else float(sign > 0))
    low, high = np.quantile(sample.draws, shares)
    return float(low), float(high)


def two_sided_p(
    sample: Bootstrap, margin: float, *, freedom: float = math.inf, stretch: float = 1.0
) -> float:
    """The p-value of "the statistic is ``margin``": 1 minus the confidence whose limit it is.

    One resample is counted beyond the margin in addition to those seen. Where none is seen there,
    the tail is that of Student's distribution at the distance in bootstrap standard errors, if it
    is smaller. The p-value is at least 1 divided by the resamples and one, so it is never 0.

    Source: Davison and Hinkley, Bootstrap Methods and Their Application, 1997.
    """
    import numpy as np
    from scipy.special import ndtri, stdtr

    draws = sample.draws
    at_most = int(np.searchsorted(draws, margin + 1e-12)) + 1
    at_least = len(draws) - int(np.searchsorted(draws, margin - 1e-12)) + 1

    def distance(share: float) -> float:
        step = float(ndtri(share)) - sample.bias
        bend = 1 + sample.acceleration * step
        if bend <= 0:
            return math.copysign(math.inf, step)
        return step / bend - sample.bias

    total = len(draws) + 1
    lower = distance(min(at_most, total - 1) / total)
    upper = -distance(1 - min(at_least, total - 1) / total)
    # The side on which the margin lies is the one with the smaller tail.
    tail = float(stdtr(freedom, min(lower, upper) / stretch))
    if min(at_most, at_least) == 1 and not sample.degenerate:
        # No resample reaches the margin, so that their number bounds the tail, by more the larger
        # the correction is: a wholly right classifier would not differ from one that is half right.
        # The distance in standard errors tells the same with no such bound.
        reached = -abs(sample.value - margin) / (stretch * sample.error)
        tail = min(tail, float(stdtr(freedom, reached)))
    return min(1.0, max(2 * tail, 1 / total))
