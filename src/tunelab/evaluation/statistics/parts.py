"""A part of some rows against the rest of them: two samples, which share no row."""

import math
from collections.abc import Sequence

from tunelab.evaluation.statistics.clusters import Clusters
from tunelab.evaluation.statistics.estimates import Difference

FISHER = "Fisher's exact test"
WELCH = "Welch's t"
OVER_GROUPS = "t over groups"
CONFIDENCE = 0.95


def compare_parts(
    values: Sequence[float], inside: Sequence[int], clusters: Clusters | None = None
) -> Difference:
    """The mean of the rows ``inside`` minus that of the others.

    Of values that are 0 or 1 the test is Fisher's exact one and the interval that of Agresti and
    Caffo, who count two rows more on either side, one of which is right. Of other numbers both are
    Welch's. Where rows belong together, both are the t of the jackknife over groups, a group in
    both parts included.

    Sources: Fisher, Statistical Methods for Research Workers, 1934; Agresti and Caffo, Simple and
    Effective Confidence Intervals for Proportions and Differences of Proportions, 2000; Welch, The
    Generalization of Student's Problem, 1947.

    Raises:
        ValueError: there are fewer than two rows on a side.
    """
    import numpy as np

    table = np.asarray(values, dtype=float)
    member = np.zeros(len(table), dtype=bool)
    member[list(inside)] = True
    own, rest = table[member], table[~member]
    if min(len(own), len(rest)) < 2:
        raise ValueError("a part and the rest need two rows each")
    value = float(own.mean() - rest.mean())
    if clusters is not None:
        return _over_groups(table, member, value, clusters)
    if set(table.tolist()) <= {0.0, 1.0}:
        return _of_shares(int(own.sum()), len(own), int(rest.sum()), len(rest), value)
    variances = [float(side.var(ddof=1)) / len(side) for side in (own, rest)]
    error = math.sqrt(sum(variances))
    if error <= 1e-12:
        return _difference(value, len(own), WELCH, reason="the rows show no spread")
    freedom = sum(variances) ** 2 / sum(
        variance**2 / (len(side) - 1) for variance, side in zip(variances, (own, rest), strict=True)
    )
    return _by_t(value, error, freedom, len(own), WELCH)


def _of_shares(
    right: int, rows: int, other_right: int, other_rows: int, value: float
) -> Difference:
    from scipy.stats import fisher_exact, norm

    table = [[right, rows - right], [other_right, other_rows - other_right]]
    p_value = float(fisher_exact(table).pvalue)
    shares = [
        (hits + 1) / (count + 2) for hits, count in ((right, rows), (other_right, other_rows))
    ]
    error = math.sqrt(
        sum(
            share * (1 - share) / (count + 2)
            for share, count in zip(shares, (rows, other_rows), strict=True)
        )
    )
    reach, middle = float(norm.ppf((1 + CONFIDENCE) / 2)) * error, shares[0] - shares[1]
    low, high = max(-1.0, middle - reach), min(1.0, middle + reach)
    return _difference(
        value, rows, FISHER, low=min(low, value), high=max(high, value), p_value=p_value
    )


def _over_groups(table: object, member: object, value: float, clusters: Clusters) -> Difference:
    import numpy as np

    numbers, inside = np.asarray(table, dtype=float), np.asarray(member, dtype=bool)
    rows, sizes = int(inside.sum()), []
    few = clusters.too_few()
    if few is not None:
        return _difference(value, rows, OVER_GROUPS, reason=few)
    moved = np.zeros(clusters.count)
    for side, sign in ((inside, 1.0), (~inside, -1.0)):
        counts = np.bincount(clusters.index[side], minlength=clusters.count).astype(float)
        off = np.where(side, numbers - numbers[side].mean(), 0.0)
        left = counts.sum() - counts
        if (left == 0).any():
            return _difference(value, rows, OVER_GROUPS, reason="one group has all rows of a side")
        moved += sign * clusters.sums(off) / left
        sizes.append(float(counts.sum() ** 2 / (counts @ counts)))
    error = math.sqrt((clusters.count - 1) / clusters.count * float(moved @ moved))
    if error <= 1e-12:
        return _difference(value, rows, OVER_GROUPS, reason="the rows show no spread")
    if min(sizes) < 2:
        return _difference(
            value, rows, OVER_GROUPS, reason="nearly all rows of a side are of one group"
        )
    return _by_t(value, error, min(sizes) - 1, rows, OVER_GROUPS)


def _by_t(value: float, error: float, freedom: float, rows: int, test: str) -> Difference:
    from scipy.stats import t

    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return _difference(
        value,
        rows,
        test,
        low=value - reach,
        high=value + reach,
        p_value=2 * float(t.sf(abs(value) / error, freedom)),
    )


def _difference(
    value: float,
    rows: int,
    test: str,
    *,
    low: float | None = None,
    high: float | None = None,
    p_value: float | None = None,
    reason: str | None = None,
) -> Difference:
    return Difference(
        value=value,
        low=low,
        high=high,
        p_value=p_value,
        test=test,
        margin=0.0,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=None,
        reason=reason,
    )
