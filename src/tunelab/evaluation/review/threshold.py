"""The confidence above which answers are right as often as wanted.

The confidence of an answer is the highest probability of its row. Rows of at least a threshold are
kept, and the others go to a person. The threshold is chosen on validation rows, and the choice is
part of what is promised: in 95 of 100 studies, the rows that are kept are right at least as often
as wanted. Where the rows cannot promise that at any threshold, there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.review.rows import is_kept
from tunelab.evaluation.statistics.clusters import cluster_share, clusters_of
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import counted, share

if TYPE_CHECKING:
    import numpy as np

# How often the promise may fail.
ERROR = 0.05
# Thresholds that are tried, from the strictest to the one that keeps every row.
_TRIED = 20
# Positions at which the order of tests begins anew, where there are enough rows for it.
_STARTS = 2


@dataclass(frozen=True)
class Threshold:
    """The lowest confidence that is kept; 0 where every row is.

    ``value`` is None where no threshold keeps the promise, and ``reason`` says why. ``accuracy``
    is the wanted one. ``kept`` of the ``rows`` have at least this confidence, of which ``right``
    are right.
    """

    value: float | None
    accuracy: float
    rows: int
    kept: int = 0
    right: int = 0
    reason: str | None = None


def choose_threshold(
    confidence: "Sequence[float] | np.ndarray",
    right: "Sequence[bool] | np.ndarray",
    *,
    accuracy: float,
    error: float = ERROR,
) -> Threshold:
    """The lowest threshold at which rows like these are right at least as often as wanted.

    Each threshold is tested by the exact binomial test of the rows that it keeps, from strict to
    lenient. The order is what makes many tests one: a threshold is tested at the level of those
    before it that passed, which a failure uses up (the fallback procedure). With few rows the
    first test has the whole level; with many a half of it, and the other half is that of a test in
    the middle, so that one wrong answer among the surest does not end the search.

    Args:
        confidence: of each row, from 0 to 1.
        right: whether the row's answer is the true label.
        accuracy: the wanted share of right answers among those that are kept, above 0, below 1.
        error: how often the kept rows of other data may be right less often than that.

    Source: Angelopoulos et al., Learn then Test, 2021 (risk control by tests in a fixed order);
    Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, 2017 (the binomial
    bound); Wiens and Dmitrienko, The Fallback Procedure, 2005.

    Raises:
        ValueError: the lengths differ, or ``accuracy`` or ``error`` is not between 0 and 1.
    """
    import numpy as np
    from scipy.stats import binom

    if not 0 < accuracy < 1 or not 0 < error < 1:
        raise ValueError("the accuracy and the error must lie between 0 and 1")
    if len(confidence) != len(right):
        raise ValueError("there must be one confidence for each row")
    rows = len(right)
    starts = _STARTS if rows >= _STARTS * rows_needed(accuracy, error / _STARTS) else 1
    first = rows_needed(accuracy, error / starts)
    if rows < first:
        return Threshold(
            None,
            accuracy,
            rows,
            reason=f"{counted(rows, 'row')} cannot show that {share(accuracy)} are right: it takes "
            f"{first} without a wrong one",
        )
    sure = np.asarray(confidence, dtype=float)
    order = np.argsort(-sure, kind="stable")
    sure = sure[order]
    hits = np.cumsum(np.asarray(right, dtype=bool)[order])
    tried = np.unique(np.linspace(first, rows, _TRIED).round().astype(int))
    # Rows of one confidence are kept together.
    ends = np.searchsorted(-sure, -sure[tried - 1], side="right").tolist()
    begins = {position * len(ends) // starts for position in range(starts)}
    levels = dict.fromkeys(ends, 0.0)
    for position in begins:
        levels[ends[position]] += error / starts
    carried = 0.0
    best: int | None = None
    for kept, own in levels.items():
        level = carried + own
        passed = binom.cdf(kept - hits[kept - 1], kept, 1 - accuracy) <= level
        carried = level if passed else 0.0
        best = kept if passed else best
    if best is None:
        whole = share(float(hits[-1]) / rows)
        return Threshold(
            None,
            accuracy,
            rows,
            reason=f"no threshold is shown to keep rows of which {share(accuracy)} are right: "
            f"{whole} of all {counted(rows, 'row')} are",
        )
    value = 0.0 if best == rows else float(sure[best - 1])
    return Threshold(value, accuracy, rows, best, int(hits[best - 1]))


def rows_needed(accuracy: float, error: float = ERROR) -> int:
    """The rows without a wrong one that show an accuracy with this ``error``."""
    return math.ceil(math.log(error) / math.log(accuracy) - 1e-9)


@dataclass(frozen=True)
class Kept:
    """What a threshold keeps of rows that it was not chosen on, each with a 95 % interval.

    ``coverage`` is the share of rows that are kept, ``accuracy`` the share of right ones among
    them.
    """

    rows: int
    kept: int
    right: int
    coverage: Estimate
    accuracy: Estimate


def kept_at(
    confidence: "Sequence[float] | np.ndarray",
    right: "Sequence[bool] | np.ndarray",
    threshold: float,
    groups: Sequence[object] | None = None,
) -> Kept:
    """What a threshold keeps of rows, and how much of that is right.

    ``groups``: (rows,), those that belong together; None where all rows are independent.

    Source of the intervals: Wilson, 1927; for groups :func:`.cluster_share`.
    """
    inside = is_kept(confidence, threshold).tolist()
    hits = [bool(one) for one, kept in zip(right, inside, strict=True) if kept]
    own = (
        None if groups is None else [one for one, kept in zip(groups, inside, strict=True) if kept]
    )
    return Kept(
        rows=len(right),
        kept=len(hits),
        right=sum(hits),
        coverage=share_of(inside, "there are no rows", groups),
        accuracy=share_of(hits, "no row is kept", own),
    )


def share_of(
    flags: Sequence[bool], reason: str, groups: Sequence[object] | None = None
) -> Estimate:
    """The share of true ones with its 95 % interval, over ``groups`` where there are some.

    Undefined for this ``reason`` where there are no flags.
    """
    if not len(flags):
        return Estimate(None, None, None, reason)
    clusters = clusters_of(groups)
    if clusters is not None:
        return cluster_share(flags, clusters)
    low, high = wilson_interval(sum(flags), len(flags))
    return Estimate(sum(flags) / len(flags), low, high)
