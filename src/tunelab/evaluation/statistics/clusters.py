"""Intervals and paired tests for rows that belong together, such as the texts of one author.

Rows of a group (a cluster) are answered rightly or wrongly together more often than by chance, so
that they tell less than as many independent rows. What is drawn here is therefore the group:
standard errors sum what a group's rows have in common, a permutation turns the sign of a group as
a whole, and a bootstrap draws groups (:mod:`~tunelab.evaluation.statistics.resampling`). Of rows
that each are a group of their own the ordinary statistics are taken.

Sources: Liang and Zeger, Longitudinal Data Analysis Using Generalized Linear Models, 1986, and
Miller, Adding Error Bars to Evals, arXiv 2411.00640, 2024 (clustered standard errors); MacKinnon,
Nielsen and Webb, Fast and Reliable Jackknife and Bootstrap Methods for Cluster-Robust Inference,
2023 (the jackknife over groups, which few or uneven groups need); Kish, Survey
Sampling, 1965 (effective rows), in Wilson's interval with Student's quantile as Franco and others,
Comparative Study of Confidence Intervals for Proportions in Complex Sample Surveys, 2019, compare
them; Fisher, The Design of Experiments, 1935 (random signs); Cameron and Miller, A Practitioner's
Guide to Cluster-Robust Inference, 2015 (groups as the degrees of freedom, and too few of them).
Groups of uneven sizes count as (Σ n)² / Σ n² even ones: Kish, 1965.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tunelab.evaluation.statistics.estimates import Difference, Estimate, undefined

CONFIDENCE = 0.95
POWER = 0.8
# Groups of one size below which a standard error over groups is hardly known.
LEAST_GROUPS = 10
CLUSTER_SIGNS = "permutation of the groups' signs"
CLUSTER_T = "t over groups"
_COHEN_D = "Cohen's d of the pairs"

# With no more differing groups all signs are tried, else so many random ones.
_ALL_SIGNS = 13
DRAWS = 9999
_AT_ONCE = 1000


@dataclass(frozen=True)
class Clusters:
    """Which rows belong together: ``index``, (rows,), the number of each row's group from 0."""

    index: Any
    count: int

    def sums(self, values: Any) -> Any:
        """The sum of each group, (groups,), of a number of each row."""
        import numpy as np

        return np.bincount(self.index, weights=np.asarray(values, dtype=float))

    @cached_property
    def sizes(self) -> Any:
        """The rows of each group, (groups,)."""
        return self.sums([1.0] * len(self.index))

    @cached_property
    def worth(self) -> float:
        """How many groups of one size weigh as much: few where one group has most of the rows."""
        return float(self.sizes.sum() ** 2 / (self.sizes @ self.sizes))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a spread over these groups."""
        return max(1.0, self.worth - 1)

    def too_few(self) -> str | None:
        """Why there is no interval over these groups, or None where there is."""
        if self.worth >= LEAST_GROUPS - 1e-9:
            return None
        groups = "1 group is" if self.count == 1 else f"{self.count} groups are"
        weigh = (
            f", whose sizes make them weigh as {self.worth:.1f},"
            if (self.count >= LEAST_GROUPS)
            else ""
        )
        return f"{groups}{weigh} too few for an interval over groups, which needs {LEAST_GROUPS}"

    def error(self, values: Any, mean: float) -> float:
        """The clustered standard error of a mean of rows, by the jackknife over groups."""
        import numpy as np

        return float(self.errors(np.asarray(values, dtype=float)[:, None] - mean)[0])

    def errors(self, residuals: Any) -> Any:
        """The same of several columns at once: residuals (rows, columns) to errors (columns,)."""
        import numpy as np

        off = self.left_out(residuals)
        return np.sqrt((self.count - 1) / self.count * (off**2).sum(axis=0))

    def left_out(self, residuals: Any) -> Any:
        """How each mean moves as a group is left out: (rows, columns) to (groups, columns)."""
        import numpy as np

        sums = np.zeros((self.count, residuals.shape[1]))
        np.add.at(sums, self.index, residuals)
        return sums / (len(self.index) - self.sizes)[:, None]

    def share_error(self, differences: Any) -> float:
        """The clustered standard error of the difference of two shares of the same rows.

        It counts two rows more, one of which either side alone has right, as few differing rows
        show too little of the spread (Bonett and Price, 2012).
        """
        rows = len(differences)
        error = self.error(differences, float(differences.mean()))
        return math.sqrt((error * rows) ** 2 + 2) / (rows + 2)

    def quantile(self) -> float:
        """Student's quantile of a 95 % interval."""
        from scipy.stats import t

        return float(t.ppf((1 + CONFIDENCE) / 2, self.freedom))


def clusters_of(groups: Sequence[object] | None) -> Clusters | None:
    """The clusters of rows; None where each row is independent.

    ``groups``: (rows,); a row whose group is None belongs to no other.
    """
    import numpy as np

    if groups is None:
        return None
    sizes = Counter(group for group in groups if group is not None)
    if max(sizes.values(), default=0) < 2:
        return None
    order: dict[object, int] = {}
    index = [
        order.setdefault(("alone", row) if group is None else ("group", group), len(order))
        for row, group in enumerate(groups)
    ]
    return Clusters(np.asarray(index), len(order))


def cluster_share(flags: Sequence[bool], clusters: Clusters) -> Estimate:
    """A share of rows, with Wilson's interval over as many independent rows as these are worth."""
    rows = len(flags)
    value = sum(flags) / rows
    reason = clusters.too_few()
    if reason is not None:
        return Estimate(value, None, None, reason)
    low, high = _wilson(value, _effective_rows(flags, value, clusters), clusters.quantile())
    return Estimate(value, low, high)


def cluster_mean(
    values: Sequence[float],
    clusters: Clusters,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """A mean of rows, with the t interval of its clustered standard error."""
    value = math.fsum(values) / len(values)
    reason = clusters.too_few()
    error = 0.0 if reason else clusters.error(values, value)
    if reason is None and error <= 1e-12 * max(1.0, abs(value)):
        reason = "all groups have the same mean, so there is no spread"
    if reason is not None:
        return Estimate(value, None, None, reason)
    reach = clusters.quantile() * error
    return Estimate(value, max(bounds[0], value - reach), min(bounds[1], value + reach))


def compare_clusters(
    left: Sequence[float],
    right: Sequence[float],
    clusters: Clusters,
    *,
    margin: float = 0.0,
    seed: int = 0,
    shares: bool = False,
    draws: int = DRAWS,
) -> Difference:
    """Mean of left minus mean of right on the same rows, which belong together in groups.

    The interval is Student's over the clustered standard error. At margin 0 the test is a
    permutation: each group's summed difference keeps or turns its sign. At another margin it is
    the t test of that standard error. Where both sides are ``shares`` of rows, the standard error
    counts two rows more, one of which either side alone has right, as few differing rows show too
    little of the spread (Bonett and Price, 2012).

    Raises:
        ValueError: the lengths differ, or a number is not finite.
    """
    import numpy as np
    from scipy.stats import norm, t

    if not len(left) == len(right) == len(clusters.index):
        raise ValueError(f"{len(left)} and {len(right)} numbers, and {len(clusters.index)} groups")
    differences = np.asarray(left, dtype=float) - np.asarray(right, dtype=float)
    if not np.isfinite(differences).all():
        raise ValueError("every number must be finite")
    rows, value = len(differences), float(differences.mean())
    test = CLUSTER_T if margin else CLUSTER_SIGNS
    details: dict[str, float | int] = {"groups": clusters.count}
    reason = clusters.too_few()
    sums = clusters.sums(differences)
    if reason is None and not np.abs(differences - value).max() > 1e-12 * max(1.0, abs(value)):
        reason = "all rows differ by the same amount, so there is no spread"
    if reason is not None:
        return _no_test(value, margin, test, rows, reason, details)
    error = clusters.share_error(differences) if shares else clusters.error(differences, value)
    reach, distance = clusters.quantile() * error, abs(value - margin)
    p_value = (
        2 * float(t.sf(distance / error, clusters.freedom))
        if margin
        else _sign_test(sums, seed=seed, draws=draws)
    )
    details["standard_error"] = error
    needed = None
    if distance < 1e-12:
        reason = "the difference equals the margin, which no number of rows decides"
    else:
        power = float(norm.ppf((1 + CONFIDENCE) / 2) + norm.ppf(POWER))
        needed = max(1, math.ceil(rows * (power * error / distance) ** 2))
    low, high = value - reach, value + reach
    if shares:
        low, high = max(-1.0, low), min(1.0, high)
    spread = float(differences.std(ddof=1))
    return Difference(
        value=value,
        low=low,
        high=high,
        p_value=p_value,
        test=test,
        margin=margin,
        effect=value / spread,
        effect_name=_COHEN_D,
        rows=rows,
        rows_needed=needed,
        reason=reason,
        details=details,
    )


def cluster_share_against(
    flags: Sequence[bool], number: float, margin: float, clusters: Clusters
) -> Difference:
    """A share of rows minus a number: the test whose interval is that of :func:`cluster_share`."""
    from scipy.stats import t

    rows = len(flags)
    if not rows:
        return undefined("there are no rows", margin)
    own = cluster_share(flags, clusters)
    value = sum(flags) / rows
    details: dict[str, float | int] = {"groups": clusters.count}
    if own.low is None or own.high is None:
        return _no_test(value - number, margin, CLUSTER_T, rows, own.reason, details)
    edge = min(1.0, max(0.0, number + margin))
    worth = _effective_rows(flags, value, clusters)
    spread = math.sqrt(edge * (1 - edge) / worth)
    p_value = 1.0 if value == edge else 0.0
    if spread:
        p_value = 2 * float(t.sf(abs(value - edge) / spread, clusters.freedom))
    return Difference(
        value=value - number,
        low=own.low - number,
        high=own.high - number,
        p_value=p_value,
        test=CLUSTER_T,
        margin=margin,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=None,
        details={**details, "effective_rows": worth},
    )


def mean_against(
    values: Sequence[float], number: float, margin: float, clusters: Clusters
) -> Difference:
    """A mean of rows minus a number, by the t test of its clustered standard error."""
    from scipy.stats import t

    own = cluster_mean(values, clusters)
    value = math.fsum(values) / len(values) - number
    details: dict[str, float | int] = {"groups": clusters.count}
    if own.low is None or own.high is None:
        return _no_test(value, margin, CLUSTER_T, len(values), own.reason, details)
    error = clusters.error(values, value + number)
    return Difference(
        value=value,
        low=own.low - number,
        high=own.high - number,
        p_value=2 * float(t.sf(abs(value - margin) / error, clusters.freedom)),
        test=CLUSTER_T,
        margin=margin,
        effect=None,
        effect_name=None,
        rows=len(values),
        rows_needed=None,
        details={**details, "standard_error": error},
    )


def _effective_rows(flags: Sequence[bool], value: float, clusters: Clusters) -> float:
    """How many independent rows show the share as well: from one a group to all rows.

    Where all rows are alike, nothing shows how far a group's rows agree: one a group.
    """
    rows = len(flags)
    if value in (0.0, 1.0):
        return clusters.worth
    error = clusters.error(flags, value)
    if not error:
        return float(rows)
    return min(float(rows), max(1.0, value * (1 - value) / error**2))


def _wilson(value: float, rows: float, reach: float) -> tuple[float, float]:
    scale = reach**2 / rows
    middle = (value + scale / 2) / (1 + scale)
    half = reach / (1 + scale) * math.sqrt(value * (1 - value) / rows + scale / (4 * rows))
    # At a share of 0 or 1 the digits of floating point would leave the end.
    low = 0.0 if value == 0 else max(0.0, middle - half)
    return low, 1.0 if value == 1 else min(1.0, middle + half)


def _sign_test(sums: Any, *, seed: int, draws: int) -> float | None:
    """How often groups with random signs differ as much in sum; None where no group differs."""
    import numpy as np

    own = sums[np.abs(sums) > 1e-12]
    if not len(own):
        return None
    seen = abs(float(own.sum())) - 1e-9
    if len(own) <= _ALL_SIGNS:
        bits = np.arange(2 ** len(own))[:, None] >> np.arange(len(own)) & 1
        return float((np.abs((1 - 2 * bits) @ own) >= seen).mean())
    # Of groups that differ by as much, how many are positive is binomial.
    sizes, times = np.unique(np.round(np.abs(own), 12), return_counts=True)
    generator = np.random.default_rng(seed)
    beyond, left = 0, draws
    while left:
        count = min(_AT_ONCE, left)
        signs = 2 * generator.binomial(times, 0.5, size=(count, len(times))) - times
        beyond += int((np.abs(signs @ sizes) >= seen).sum())
        left -= count
    return (1 + beyond) / (1 + draws)


def _no_test(
    value: float,
    margin: float,
    test: str,
    rows: int,
    reason: str | None,
    details: dict[str, float | int],
) -> Difference:
    return Difference(
        value=value,
        low=None,
        high=None,
        p_value=None,
        test=test,
        margin=margin,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=None,
        reason=reason,
        details=details,
    )
