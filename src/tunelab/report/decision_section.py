"""The first section of a report: the decision, and a row with a drawn score for each classifier."""

from collections.abc import Iterator
from dataclasses import dataclass

from tunelab.evaluation.costs import COSTS
from tunelab.evaluation.decisions import Candidate, Decision
from tunelab.numbers import UNDEFINED, interval, with_unit

# Classifiers of the chart: those that can be the best, and the best of the others.
_MOST = 12


@dataclass(frozen=True)
class Row:
    """A classifier of the chart; ``at``, ``low`` and ``high`` are in percent of its width."""

    name: str
    mark: str
    inside: bool
    taken: bool
    score: str
    interval: str
    at: float | None
    low: float | None
    high: float | None
    costs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Chart:
    """The rows that are drawn, how many more there are, and both ends of the axis in words."""

    rows: tuple[Row, ...]
    more: int
    axis: tuple[str, str]


def chart_of(decision: Decision) -> Chart:
    """The classifiers side by side, the one to take and those that can be the best first."""
    ranked = sorted(
        decision.candidates, key=lambda one: (one.name != decision.recommended, not one.can_be_best)
    )
    shown = ranked[:_MOST]
    ends = [
        value
        for one in shown
        for value in (one.score.value, one.score.low, one.score.high)
        if value is not None
    ]
    # Shares have the axis from 0 to 1, so that a difference looks as large as it is.
    first, last = (
        (0.0, 1.0)
        if ends and 0 <= min(ends) <= max(ends) <= 1
        else ((min(ends), max(ends)) if ends else (0.0, 1.0))
    )
    width = (last - first) or 1.0

    def percent(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - first) / width, 2)

    return Chart(
        rows=tuple(
            Row(
                name=one.name,
                mark=_mark(decision, one),
                inside=one.can_be_best,
                taken=one.name == decision.recommended,
                score=with_unit(one.score.value, decision.unit),
                interval=interval(one.score.low, one.score.high, decision.unit),
                at=percent(one.score.value),
                low=percent(one.score.low),
                high=percent(one.score.high),
                costs=tuple(_costs(one)),
            )
            for one in shown
        ),
        more=len(ranked) - len(shown),
        axis=(with_unit(first, decision.unit), with_unit(last, decision.unit)),
    )


def limits_of(decision: Decision) -> list[str]:
    """The study's constraints in words."""
    return [
        f"{cost.noun} at most {cost.show(decision.constraints[cost.id])}"
        for cost in COSTS
        if cost.id in decision.constraints
    ]


def _mark(decision: Decision, candidate: Candidate) -> str:
    if candidate.name == decision.recommended:
        return "take this one"
    if candidate.constant:
        return "constant answer"
    if candidate.collapse is not None:
        return "collapsed"
    if candidate.breaks or candidate.unknown:
        return "outside the constraints"
    return "can be the best" if candidate.can_be_best else "not the best"


def _costs(candidate: Candidate) -> Iterator[tuple[str, str]]:
    """What each cost is called, and its value; a dash where it is not known."""
    for cost in COSTS:
        value = candidate.costs.get(cost.id)
        if value is not None and not cost.listed(value):
            continue
        yield cost.noun, UNDEFINED if value is None else cost.show(value)
