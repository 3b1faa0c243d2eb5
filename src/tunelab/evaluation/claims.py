"""Statements about models, tested: the difference behind one, and the verdict."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from tunelab.evaluation.metrics import Answered, Metric, Resampling, find_metric
from tunelab.evaluation.statistics.estimates import Difference, undefined

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
    """Left minus right in a registered metric, tested against ``margin``.

    Each side is a model, or one that was trained with several seeds; all answered the same rows.
    With several, the interval covers other seeds as well as other rows.
    """
    about = find_metric(metric)
    resampling = Resampling(seed, resamples)
    others: Sequence[Answered | float] = [right] if isinstance(right, float | int) else right
    sides = [side for side in (*left, *others) if isinstance(side, Answered)]
    reason = _not_comparable(about, sides)
    if reason is None and max(len(left), len(others)) > 1:
        reason = about.censored(sides)
    if reason is not None:
        return undefined(reason, margin)
    if len(left) == len(others) == 1:
        return about.compare(left[0], others[0], margin, resampling)
    return _over_seeds(about, left, others, margin, resampling)


def _not_comparable(about: Metric, sides: Sequence[Answered]) -> str | None:
    """Why models cannot be compared in a metric, or None where they can."""
    if about.reads == "text":
        without = next((side.name for side in sides if side.predictions.given is not None), None)
        if without is not None:
            return f"{without or 'a classifier'} gives labels and writes no text"
    if any(about.rows(side) is None for side in sides):
        return about.doubt(sides) or f"{about.id} needs answers that were not asked for"
    if len({side.truth for side in sides}) > 1:
        return "the two did not answer the same rows"
    return about.doubt(sides)


def _over_seeds(
    about: Metric,
    left: Sequence[Answered],
    right: Sequence[Answered | float],
    margin: float,
    resampling: Resampling,
) -> Difference:
    """The mean difference over seeds, its error from rows and from seeds added in squares.

    The half-width is √(h_rows² + h_seeds²), of the interval over rows of what a row differs by in
    the mean of the seeds, and of the t interval over the seeds' differences: Howe, 1974, as in
    :mod:`tunelab.evaluation.statistics.seeds`. The p-value is that of the level at which this
    interval ends at the margin.
    """
    if len(right) not in (1, len(left)) and len(left) > 1:
        return undefined("the two were trained with different numbers of seeds", margin)
    count = max(len(left), len(right))
    pairs = [(left[at % len(left)], right[at % len(right)]) for at in range(count)]
    single = [about.compare(one, other, margin, resampling) for one, other in pairs]
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
    clusters = pairs[0][0].clusters
    few = clusters.too_few() if clusters is not None else None
    if few is not None:
        return replace(undefined(few, margin), value=mean, rows=rows)
    freedom, unit = (rows - 1, "rows") if clusters is None else (clusters.freedom, "groups")
    p_value, half = _howe(mean - margin, error_rows, freedom, error_seeds, count - 1)
    return Difference(
        value=mean,
        low=mean - half,
        high=mean + half,
        p_value=p_value,
        test=f"t over {unit} and over {count} seeds",
        margin=margin,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=None,
        reason="rows alone do not lower the error of few seeds",
        details={"error_rows": error_rows, "error_seeds": error_seeds, "seeds": count},
    )


def _error_of_rows(
    about: Metric,
    pairs: Sequence[tuple[Answered, Answered | float]],
    single: Sequence[Difference],
) -> float | None:
    """The standard error of the mean difference that comes from the rows."""
    if not about.mean_of_rows:
        errors = [float(entry.details.get("standard_error", math.nan)) for entry in single]
        # All seeds answered the same rows, so their errors do not cancel.
        return None if any(map(math.isnan, errors)) else math.fsum(errors) / len(errors)
    columns = []
    for left, right in pairs:
        values = _row_values(about, left)
        others = _row_values(about, right) if isinstance(right, Answered) else [right] * len(values)
        columns.append([a - b for a, b in zip(values, others, strict=True)])
    means = [math.fsum(column) / len(pairs) for column in zip(*columns, strict=True)]
    if len(means) < 2:
        return None
    middle = math.fsum(means) / len(means)
    clusters = pairs[0][0].clusters
    if clusters is not None:
        return clusters.error(means, middle) if clusters.count > 1 else None
    variance = math.fsum((value - middle) ** 2 for value in means) / (len(means) - 1)
    return math.sqrt(variance / len(means))


def _row_values(about: Metric, side: Answered) -> list[float]:
    return [span.low for span in about.rows(side) or ()]


def _howe(
    distance: float, error_rows: float, df_rows: float, error_seeds: float, df_seeds: int
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
