"""Values that were measured at a limit: what is known of them, and what they can decide.

The length of an answer that was cut at ``max_new_tokens`` is not known: it is at least what was
kept (censored from the right). A mean over such values is a bound, and a comparison of means holds
only where it holds for every value beyond the limit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.evaluation.statistics.estimates import Bound, Difference, Estimate

SIGN_TEST = "sign test of the rows whose order is known"


@dataclass(frozen=True)
class Span:
    """A value that lies from ``low`` to ``high``; where the two are equal it is known."""

    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is one value it can have."""
        return self.low == self.high


def exactly(value: float) -> Span:
    """A value that was measured."""
    return Span(value, value)


def at_least(value: float) -> Span:
    """A value that was measured at a limit."""
    return Span(value, math.inf)


def mean_span(values: Sequence[Span]) -> Span:
    """What is known of the mean of some values.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values have no mean")
    low = math.fsum(value.low for value in values) / len(values)
    return Span(low, low if all(value.known for value in values) else _mean_high(values))


def bound_of(span: Span) -> tuple[float | None, Bound | None]:
    """The number to show of a value, and whether it is a bound; None where nothing is known."""
    if span.known:
        return span.low, None
    if math.isfinite(span.low) and not math.isfinite(span.high):
        return span.low, "at least"
    if math.isfinite(span.high) and not math.isfinite(span.low):
        return span.high, "at most"
    return None, None


def limited_estimate(values: Sequence[Span], reason: str) -> Estimate:
    """The mean of values of which some were measured at a limit."""
    value, bound = bound_of(mean_span(values))
    return Estimate(value, None, None, reason, bound)


def compare_limited(
    left: Sequence[Span], right: Sequence[Span], *, margin: float, reason: str
) -> Difference:
    """Mean of left minus mean of right, where some values are bounds; paired rows.

    What lies beyond a limit can be anything, so that no interval of the mean and no t test hold.
    Where the order of the two means is the same for every value beyond the limits, it is tested
    by the rows whose own order is known: an exact sign test, in which a row of unknown order
    counts against the result. Otherwise there is no p-value, and ``reason`` says which values are
    not known.

    Source: Dixon and Mood, The Statistical Sign Test, 1946.

    Raises:
        ValueError: the lengths differ, or there are no rows.
    """
    from scipy.stats import binomtest

    if len(left) != len(right) or not left:
        raise ValueError("left and right must hold the same rows, and at least one")
    rows = [Span(a.low - b.high, a.high - b.low) for a, b in zip(left, right, strict=True)]
    means = mean_span(left), mean_span(right)
    span = Span(means[0].low - means[1].high, means[0].high - means[1].low)
    value, bound = bound_of(span)
    above = sum(row.low > margin for row in rows)
    below = sum(row.high < margin for row in rows)
    equal = sum(row.known and row.low == margin for row in rows)
    p_value = None
    if span.low > margin or span.high < margin:
        wins = above if span.low > margin else below
        trials = len(rows) - equal
        # Of the two sides, the tail in the direction that the means have.
        p_value = min(1.0, 2 * float(binomtest(wins, trials, alternative="greater").pvalue))
    return Difference(
        value=value,
        low=None,
        high=None,
        p_value=p_value,
        test=SIGN_TEST,
        margin=margin,
        effect=None,
        effect_name=None,
        rows=len(rows),
        rows_needed=None,
        reason=reason,
        details={
            "rows_above": above,
            "rows_below": below,
            "rows_unknown": len(rows) - above - below - equal,
        },
        bound=bound,
    )


def _mean_high(values: Sequence[Span]) -> float:
    high = [value.high for value in values]
    return math.inf if math.inf in high else math.fsum(high) / len(high)
