"""Which classifiers can be the best, and what the best of one group gains over that of another.

All classifiers answered the same rows, so that their values are compared row by row. A study picks
its best classifier by the very rows that it is measured on, and a test of the winner against the
second one, as if both had been named before, promises too much. What is here holds whichever
classifier comes first, and however much the classifiers agree.

Sources: Hsu, Simultaneous Confidence Intervals for All Distances from the "Best", 1981, and
Multiple Comparisons: Theory and Methods, 1996 (comparisons with the best); Romano and Wolf, Exact
and Approximate Stepdown Methods for Multiple Hypothesis Testing, 2005 (the largest statistic of
several that depend on each other, by resampling); Fisher, The Design of Experiments, 1935 (random
signs); Bonett and Price, Adjusted Wald Confidence Interval for a Difference of Binomial
Proportions Based on Paired Data, 2012 (one row more for either side).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.statistics.clusters import Clusters, clusters_of
from tunelab.evaluation.statistics.estimates import Estimate

LEVEL = 0.05
POWER = 0.8
DRAWS = 4000
# Draws at a time: their signs take some megabytes.
_AT_ONCE = 500

NO_ROWS = "there are no rows"
ONE_CLASSIFIER = "there is one classifier, and nothing to compare it with"
ALL_ALIKE = "all classifiers have the same value in every row, so that no difference is shown"


@dataclass(frozen=True)
class BestSet:
    """The classifiers that can be the best.

    ``inside``: (classifiers,), whether each one is in the set. In 95 of 100 studies the set holds
    the classifier that is truly the best. ``p_values``: (classifiers,), of "no other one is
    better", 1 for the one with the best score; None where nothing can be tested, with the
    ``reason``.
    """

    inside: tuple[bool, ...]
    p_values: tuple[float | None, ...]
    rows: int
    reason: str | None = None


def can_be_best(
    values: Sequence[Sequence[float]],
    *,
    seed: int,
    groups: Sequence[object] | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> BestSet:
    """The set of classifiers that rows do not tell from the best.

    A classifier is left out where another one is better beyond what chance gives. The test
    statistic is the largest of the differences to all others, each divided by its own standard
    error if there were no difference. Its distribution comes from rows whose differences are given
    random signs, one sign for all classifiers, so that what they have in common stays. With two
    classifiers that are right or wrong it is McNemar's exact test, one-sided.

    One test is needed for each classifier and no correction over classifiers: the set misses the
    best only if the one test of the best errs.

    Args:
        values: (classifiers, rows), higher is better; such as 1 for a right answer and 0 for a
            wrong one. Where a classifier was trained with several seeds, the mean of a row.
        seed: of the random signs.
        groups: (rows,), rows that belong together get one sign; None where all are independent.
        level: the probability at which the best may be missed.
        draws: of the signs; a p-value is known to about 1 / √draws.

    Raises:
        ValueError: classifiers have different numbers of rows, or a value is not finite.
    """
    import numpy as np

    table = _table(values)
    count, rows = table.shape
    if not rows:
        return BestSet((True,) * count, (None,) * count, 0, NO_ROWS)
    if count == 1:
        return BestSet((True,), (None,), rows, ONE_CLASSIFIER)
    if groups is not None and len(groups) != rows:
        raise ValueError("every row needs its group")
    clusters = clusters_of(groups)
    if clusters is not None:
        few = clusters.too_few()
        if few is not None:
            return BestSet((True,) * count, (None,) * count, rows, few)
        table = _sums_of_groups(table, clusters)
    patterns, times = _patterns(table)
    if not len(patterns):
        return BestSet((True,) * count, (None,) * count, rows, ALL_ALIKE)
    gains = patterns[:, None, :] - patterns[:, :, None]
    spread = np.sqrt(np.einsum("p,pij->ij", times, gains**2))
    # Two classifiers that never differ are no evidence against each other.
    scale = np.where(spread > 1e-12, spread, np.inf)
    sums = times @ patterns
    seen = ((sums[None, :] - sums[:, None]) / scale).max(axis=1)
    beyond = np.zeros(count)
    for drawn, _ in _signed(patterns, times, seed=seed, draws=draws):
        for one in range(count):
            largest = ((drawn - drawn[:, one : one + 1]) / scale[one]).max(axis=1)
            beyond[one] += int((largest >= seen[one] - 1e-9).sum())
    p_values = [float((1 + hits) / (1 + draws)) for hits in beyond]
    return BestSet(tuple(p > level for p in p_values), tuple(p_values), rows)


def gain_of_group(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    *,
    seed: int,
    groups: Sequence[object] | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Estimate:
    """The best of one group minus the best of another, with an interval that knows of the choice.

    The interval is made of those of all pairs, which hold together in 95 of 100 studies: the best
    of the first group gains at least what the one that is seen as its best gains over every one
    of the second, and at most what any of the first gains over the seen best of the second.

    Args:
        first: (classifiers, rows) of one group, higher is better.
        second: (classifiers, rows) of the other one, on the same rows.
        seed: of the random signs.
        groups: (rows,), rows that belong together get one sign; None where all are independent.
        level: 1 minus the confidence.
        draws: of the signs.

    Raises:
        ValueError: classifiers have different numbers of rows, or a value is not finite.
    """
    import numpy as np

    if not len(first) or not len(second):
        return Estimate(None, None, None, "one of the two groups has no classifier")
    table = _table([*first, *second])
    rows, split = table.shape[1], len(first)
    if not rows:
        return Estimate(None, None, None, NO_ROWS)
    means = table.mean(axis=1)
    value = float(means[:split].max() - means[split:].max())
    if rows == 1:
        return Estimate(value, None, None, "one row shows no spread")
    clusters = clusters_of(groups)
    if clusters is not None:
        few = clusters.too_few()
        if few is not None:
            return Estimate(value, None, None, few)
        return _gain_over_groups(table, split, value, clusters, seed=seed, level=level, draws=draws)
    patterns, times = _patterns(table)
    if not len(patterns):
        return Estimate(value, None, None, ALL_ALIKE)
    gains = patterns[:, :split, None] - patterns[:, None, split:]
    # One row more in which either side alone is right.
    total = rows + 2
    middles = np.einsum("p,pij->ij", times, gains) / total
    squares = (np.einsum("p,pij->ij", times, gains**2) + 2) / total
    errors = np.sqrt((squares - middles**2) / total)
    reach = _reach(patterns, times, split, rows, seed=seed, level=level, draws=draws)
    lows, highs = middles - reach * errors, middles + reach * errors
    return _of_the_best(value, means, split, lows, highs)


def _gain_over_groups(
    table: Any,
    split: int,
    value: float,
    clusters: Clusters,
    *,
    seed: int,
    level: float,
    draws: int,
) -> Estimate:
    """The interval of :func:`gain_of_group` where the rows of a group get one sign."""
    import numpy as np
    from scipy.stats import t

    count, rows = clusters.count, table.shape[1]
    gains = table.T[:, :split, None] - table.T[:, None, split:]
    if np.abs(gains).max() <= 1e-12:
        return Estimate(value, None, None, ALL_ALIKE)
    shape = gains.shape[1:]
    middles = gains.mean(axis=0)
    off = clusters.left_out((gains - middles).reshape(rows, -1)).reshape(count, *shape)
    squares = (count - 1) / count * (off**2).sum(axis=0)
    # One row more in which either side alone is right.
    errors = np.sqrt(squares * rows**2 + 2) / (rows + 2)
    scale = np.sqrt(np.where(squares > 1e-20, (off**2).sum(axis=0), np.inf))
    generator = np.random.default_rng([seed, 1])
    largest = []
    for start in range(0, draws, _AT_ONCE):
        signs = 1.0 - 2 * generator.integers(0, 2, size=(min(_AT_ONCE, draws - start), count))
        drawn = np.tensordot(signs, off, axes=1)
        largest.append(np.abs(drawn / scale).max(axis=(1, 2)))
    reach = max(
        float(np.quantile(np.concatenate(largest), 1 - level)),
        float(t.ppf(1 - level / 2, clusters.freedom)),
    )
    means = table.mean(axis=1)
    return _of_the_best(value, means, split, middles - reach * errors, middles + reach * errors)


def _of_the_best(value: float, means: Any, split: int, lows: Any, highs: Any) -> Estimate:
    """The interval of the gain of the best over the best, from those of all pairs."""
    best, other = int(means[:split].argmax()), int(means[split:].argmax())
    low, high = float(lows[best].min()), float(highs[:, other].max())
    return Estimate(value, min(low, value), max(high, value))


def rows_to_tell(
    left: Sequence[float], right: Sequence[float], groups: Sequence[object] | None = None
) -> int | None:
    """The rows at which a difference like this one is found with 80 % power at 5 %, two-sided.

    Computed from the variance of the paired differences. None where the two have the same mean,
    which no number of rows tells apart, or there is one row. Where rows belong together, it is the
    number of rows in groups like these.

    Source: the normal approximation, as Connor, 1987, gives it for shares.
    """
    import numpy as np
    from scipy.special import ndtri

    differences = np.asarray(left, dtype=float) - np.asarray(right, dtype=float)
    if len(differences) < 2:
        return None
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    clusters = clusters_of(groups)
    if clusters is not None:
        if clusters.too_few() is not None:
            return None
        variance = clusters.error(differences, mean) ** 2 * len(differences)
    if abs(mean) < 1e-12 or variance < 1e-12:
        return None
    return math.ceil(float(ndtri(1 - LEVEL / 2) + ndtri(POWER)) ** 2 * variance / mean**2)


def _reach(
    patterns: Any, times: Any, split: int, rows: int, *, seed: int, level: float, draws: int
) -> float:
    """How many standard errors the intervals of all pairs take to hold together."""
    import numpy as np
    from scipy.special import ndtri

    gains = patterns[:, :split, None] - patterns[:, None, split:]
    middles = np.einsum("p,pij->ij", times, gains) / rows
    spread = np.sqrt(np.einsum("p,pij->ij", times, gains**2) - rows * middles**2)
    scale = np.where(spread > 1e-12, spread, np.inf)
    # Rows without a difference have a sign too, as the mean is taken off from all rows.
    alike = rows - int(times.sum())
    largest = []
    generator = np.random.default_rng([seed, 1])
    for drawn, signs in _signed(patterns, times, seed=seed, draws=draws):
        signs = signs + 2 * generator.binomial(alike, 0.5, size=len(signs)) - alike
        off = drawn[:, :split, None] - drawn[:, None, split:] - signs[:, None, None] * middles
        largest.append(np.abs(off / scale).max(axis=(1, 2)))
    # Of one pair the signs show what is known: never less than the normal quantile.
    return max(float(np.quantile(np.concatenate(largest), 1 - level)), float(ndtri(1 - level / 2)))


def _table(values: Sequence[Sequence[float]]) -> Any:
    import numpy as np

    if len({len(row) for row in values}) > 1:
        raise ValueError("every classifier must have answered the same rows")
    table = np.asarray(values, dtype=float).reshape(len(values), -1)
    if not np.isfinite(table).all():
        raise ValueError("every value must be finite")
    return table


def _sums_of_groups(table: Any, clusters: Clusters) -> Any:
    """The sums of each group of rows, for every classifier."""
    import numpy as np

    return np.array([clusters.sums(values) for values in table])


def _patterns(table: Any) -> tuple[Any, Any]:
    """The different rows in which classifiers differ, (patterns, classifiers), and how many each.

    What all have in common is taken off, as only differences count.
    """
    import numpy as np

    rows = table.T - table.T.mean(axis=1, keepdims=True)
    patterns, times = np.unique(np.round(rows, 12), axis=0, return_counts=True)
    differ = np.abs(patterns).max(axis=1) > 1e-12 if len(patterns) else np.zeros(0, dtype=bool)
    return patterns[differ], times[differ].astype(float)


def _signed(patterns: Any, times: Any, *, seed: int, draws: int) -> Any:
    """Sums of rows with random signs, (draws, classifiers), and of the signs, some at a time.

    The signs of rows that are alike are drawn together: how many are positive is binomial.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, draws, _AT_ONCE):
        size = (min(_AT_ONCE, draws - start), len(times))
        signs = 2 * generator.binomial(times.astype(int), 0.5, size=size) - times
        yield signs @ patterns, signs.sum(axis=1)
