"""Statements about models, tested: the difference behind one, and the verdict."""

import math
from collections.abc import Sequence
from typing import Literal

from tunelab.evaluation.comparison import compare_means, compare_shares
from tunelab.evaluation.estimates import Difference
from tunelab.evaluation.few_rows import macro_doubt
from tunelab.evaluation.limits import Span, compare_limited, exactly
from tunelab.evaluation.resampling import f1_against, f1_difference
from tunelab.evaluation.row_metrics import (
    ROW_METRICS,
    Answered,
    RowMetric,
    cut_answers,
    not_comparable,
    spans,
)

Relation = Literal["more", "less", "about"]
Verdict = Literal["supported", "refuted", "undecided"]
# A claim is decided where its corrected p-value is below this.
ALPHA = 0.05


def signed_margin(value: float | None, relation: Relation, margin: float) -> float:
    """The difference at which a claim would be on the edge.

    "More" claims a difference above ``margin``, "less" one below its negative; "about" claims
    one between the two, so its edge is the nearer of them.
    """
    if relation == "more":
        return margin
    if relation == "less":
        # Not -margin: of 0 that would be -0.
        return 0.0 - margin
    return math.copysign(margin, value or 0.0)


def decide(
    difference: Difference, relation: Relation, margin: float, p_corrected: float | None
) -> tuple[Verdict, str]:
    """The verdict on a claim, and the reason in words.

    ``difference`` is tested against :func:`signed_margin`. Where it is counted and not sampled,
    the numbers themselves decide; where it was measured but has no p-value, nothing does. Of a
    difference that is a bound, only what every value beyond it would say is said.
    """
    value = difference.value
    if value is None:
        return "undecided", difference.reason or "the difference is not defined"
    holds = {
        "more": value > margin,
        "less": value < -margin,
        "about": abs(value) <= margin,
    }[relation]
    if not _holds_beyond(difference, relation, margin):
        return "undecided", difference.reason or "the difference is known as a bound only"
    verdict: Verdict = "supported" if holds else "refuted"
    if difference.rows == 0 and difference.low is not None and difference.low == difference.high:
        return verdict, "the numbers are counted, so there is nothing to test"
    if p_corrected is None:
        return "undecided", difference.reason or "there is no test for it"
    limited = f"; {difference.reason}" if difference.bound and difference.reason else ""
    if p_corrected >= ALPHA:
        return "undecided", f"the rows do not decide it at {ALPHA:g}, corrected{limited}"
    if limited:
        return verdict, f"the rows decide it, whatever lies beyond the limit{limited}"
    return verdict, "the rows decide it"


def _holds_beyond(difference: Difference, relation: Relation, margin: float) -> bool:
    """Whether every value beyond a bound would give the verdict that the bound gives."""
    value, bound = difference.value or 0.0, difference.bound
    if bound is None:
        return True
    if relation == "about":
        return value > margin if bound == "at least" else value < -margin
    edge = margin if relation == "more" else -margin
    return value > edge if bound == "at least" else value < edge


def compare_rows(
    metric: str,
    left: Sequence[Answered],
    right: Sequence[Answered] | float,
    margin: float,
    seed: int,
    resamples: int,
) -> Difference:
    """Left minus right in a metric of :data:`ROW_METRICS`, tested against ``margin``.

    Each side is a model, or one that was trained with several seeds; all answered the same rows.
    With several, the interval covers other seeds as well as other rows.
    """
    about = ROW_METRICS[metric]
    sides = list(left) + ([] if isinstance(right, float | int) else list(right))
    reason = not_comparable(metric, about, sides)
    if reason is not None:
        return undefined(reason, margin)
    if metric == "f1_macro":
        reason = macro_doubt(sides[0].truth, [side.predicted for side in sides])
        if reason is not None:
            return undefined(reason, margin)
    if about.about == "length" and not all(_known(about, side) for side in sides):
        return _limited(about, left, right, margin)
    if len(left) == 1 and (isinstance(right, float | int) or len(right) == 1):
        other = right if isinstance(right, float | int) else right[0]
        return _compare(metric, about, left[0], other, margin, seed, resamples)
    return _over_seeds(metric, about, left, right, margin, seed, resamples)


def _known(about: RowMetric, side: Answered) -> bool:
    return all(span.known for span in spans(about, side) or ())


def _limited(
    about: RowMetric, left: Sequence[Answered], right: Sequence[Answered] | float, margin: float
) -> Difference:
    """The difference of two sides of which answers were cut at their limit."""
    number = right if isinstance(right, float | int) else None
    others: Sequence[Answered] = () if isinstance(right, float | int) else right
    reason = cut_answers([*left, *others])
    if len(left) > 1 or len(others) > 1:
        return undefined(reason, margin)
    rows = spans(about, left[0]) or []
    against: Sequence[Span] = (
        [exactly(number)] * len(rows) if number is not None else spans(about, others[0]) or []
    )
    if not rows:
        return undefined("there are no rows", margin)
    return compare_limited(rows, against, margin=margin, reason=reason)


def undefined(reason: str, margin: float = 0.0) -> Difference:
    """A difference that is not there, and why."""
    return Difference(None, None, None, None, "none", margin, None, None, 0, None, reason)


def _compare(
    metric: str,
    about: RowMetric,
    left: Answered,
    right: Answered | float,
    margin: float,
    seed: int,
    resamples: int,
) -> Difference:
    values = list(about.values(left) or ())
    if about.kind == "f1":
        average, labels = metric.removeprefix("f1_"), left.predictions.labels
        if isinstance(right, Answered):
            return f1_difference(
                left.truth,
                left.predicted,
                right.predicted,
                tuple(dict.fromkeys((*labels, *right.predictions.labels))),
                average=average,
                seed=seed,
                resamples=resamples,
                margin=margin,
            )
        return f1_against(
            left.truth,
            left.predicted,
            labels,
            right,
            average=average,
            seed=seed,
            resamples=resamples,
            margin=margin,
        )
    if not isinstance(right, Answered):
        if about.kind == "share":
            return share_against(values, right, margin)
        return compare_means(values, [right] * len(values), margin=margin)
    others = list(about.values(right) or ())
    if about.kind == "share":
        return compare_shares(list(map(bool, values)), list(map(bool, others)), margin=margin)
    return compare_means(values, others, margin=margin)


def share_against(values: Sequence[float], number: float, margin: float) -> Difference:
    """The share of ones among ``values`` minus a number: Wilson's interval, exact binomial test."""
    from scipy.stats import binomtest

    from tunelab.evaluation.metrics import wilson_interval

    rows, hits = len(values), int(sum(values))
    if not rows:
        return undefined("there are no rows", margin)
    low, high = wilson_interval(hits, rows)
    edge = min(1.0, max(0.0, number + margin))
    return Difference(
        value=hits / rows - number,
        low=None if low is None else low - number,
        high=None if high is None else high - number,
        p_value=float(binomtest(hits, rows, edge).pvalue),
        test="exact binomial",
        margin=margin,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=_rows_for_share(hits / rows, edge),
    )


def _rows_for_share(value: float, edge: float) -> int | None:
    from scipy.stats import norm

    distance = abs(value - edge)
    if distance < 1e-12:
        return None
    before, after = math.sqrt(edge * (1 - edge)), math.sqrt(value * (1 - value))
    spread = float(norm.ppf(0.975)) * before + float(norm.ppf(0.8)) * after
    return max(1, math.ceil((spread / distance) ** 2))


def _over_seeds(
    metric: str,
    about: RowMetric,
    left: Sequence[Answered],
    right: Sequence[Answered] | float,
    margin: float,
    seed: int,
    resamples: int,
) -> Difference:
    """The mean difference over seeds, its error from rows and from seeds added in squares.

    The half-width is √(h_rows² + h_seeds²), of the interval over rows of what a row differs by in
    the mean of the seeds, and of the t interval over the seeds' differences: Howe, 1974, as in
    :mod:`tunelab.evaluation.seeds`. The p-value is that of the level at which this interval ends
    at the margin.
    """
    if not isinstance(right, float | int) and len(right) not in (1, len(left)) and len(left) > 1:
        return undefined("the two were trained with different numbers of seeds", margin)
    count = max(len(left), 1 if isinstance(right, float | int) else len(right))
    pairs = [
        (
            left[place % len(left)],
            right if isinstance(right, float | int) else right[place % len(right)],
        )
        for place in range(count)
    ]
    single = [_compare(metric, about, a, b, margin, seed, resamples) for a, b in pairs]
    values = [entry.value for entry in single if entry.value is not None]
    if len(values) < count:
        return undefined(single[0].reason or "a seed's difference is not defined", margin)
    mean = math.fsum(values) / count
    rows = single[0].rows
    error_rows = _error_of_rows(about, pairs, single)
    if error_rows is None:
        return undefined(single[0].reason or "the rows show no spread", margin)
    error_seeds = math.sqrt(
        math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count
    )
    p_value, half = _howe(mean - margin, error_rows, rows - 1, error_seeds, count - 1)
    return Difference(
        value=mean,
        low=mean - half,
        high=mean + half,
        p_value=p_value,
        test=f"t over rows and over {count} seeds",
        margin=margin,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=None,
        reason="rows alone do not lower the error of few seeds",
        details={"error_rows": error_rows, "error_seeds": error_seeds, "seeds": count},
    )


def _error_of_rows(
    about: RowMetric,
    pairs: Sequence[tuple[Answered, Answered | float]],
    single: Sequence[Difference],
) -> float | None:
    """The standard error of the mean difference that comes from the rows."""
    if about.kind == "f1":
        errors = [float(entry.details.get("standard_error", math.nan)) for entry in single]
        # All seeds answered the same rows, so their errors do not cancel.
        return None if any(map(math.isnan, errors)) else math.fsum(errors) / len(errors)
    columns = []
    for left, right in pairs:
        values = about.values(left) or ()
        others = (
            (about.values(right) or ()) if isinstance(right, Answered) else [right] * len(values)
        )
        columns.append([a - b for a, b in zip(values, others, strict=True)])
    means = [math.fsum(column) / len(pairs) for column in zip(*columns, strict=True)]
    if len(means) < 2:
        return None
    middle = math.fsum(means) / len(means)
    variance = math.fsum((value - middle) ** 2 for value in means) / (len(means) - 1)
    return math.sqrt(variance / len(means))


def _howe(
    distance: float, error_rows: float, df_rows: int, error_seeds: float, df_seeds: int
) -> tuple[float | None, float]:
    """The p-value of a distance from the margin, and the half-width of the 95 % interval."""
    from scipy.optimize import brentq
    from scipy.stats import t

    def half(alpha: float) -> float:
        rows = float(t.ppf(1 - alpha / 2, df_rows)) * error_rows
        seeds = float(t.ppf(1 - alpha / 2, df_seeds)) * error_seeds
        return math.hypot(rows, seeds)

    if error_rows == error_seeds == 0.0:
        return None, 0.0
    floor = 1e-12
    if half(floor) <= abs(distance):
        return floor, half(ALPHA)
    if distance == 0.0:
        return 1.0, half(ALPHA)
    found = brentq(lambda alpha: half(alpha) - abs(distance), floor, 1.0)
    return float(found), half(ALPHA)
