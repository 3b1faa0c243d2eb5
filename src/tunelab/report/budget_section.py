"""The section of a report on the label budget: its table of accuracies, and the gains by size."""

from dataclasses import dataclass

from tunelab.evaluation.label_budget.found import LabelBudget, rows_in_words
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import UNDEFINED, counted, interval, number


@dataclass(frozen=True)
class Cell:
    """The accuracy of a classifier at a size: in words, and what its interval is over."""

    accuracy: str
    interval: str
    about: str


@dataclass(frozen=True)
class Row:
    """A classifier of the table."""

    name: str
    fine_tuned: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Gain:
    """The best fine-tuned classifier against the best other one at a size."""

    size: str
    tuned: str
    other: str
    gain: str
    interval: str


@dataclass(frozen=True)
class Check:
    """What a power law fitted to the smaller sizes told of a larger one, beside what that gave."""

    classifier: str
    fitted: str
    asked: str
    predicted: str
    interval: str
    seen: str
    told: str


@dataclass(frozen=True)
class BudgetTable:
    """The sizes in words, a row for each classifier, and the gains of fine-tuning by size.

    ``asked``: the accuracy of each classifier that is only asked, by name. ``checks`` compare
    extrapolations from the smaller sizes with what the larger ones gave.
    """

    sizes: tuple[str, ...]
    rows: tuple[Row, ...]
    asked: tuple[tuple[str, Cell], ...]
    gains: tuple[Gain, ...]
    checks: tuple[Check, ...]


def budget_table(found: LabelBudget) -> BudgetTable:
    """The table of a label budget."""
    return BudgetTable(
        sizes=tuple(size.in_words for size in found.sizes),
        rows=tuple(
            Row(
                name=name,
                fine_tuned=name in found.tuned,
                cells=tuple(
                    _cell(point.accuracy, _about(point.draws, point.over, point.accuracy.reason))
                    for point in found.curve(name)
                ),
            )
            for name in found.classifiers
            if found.curve(name)
        ),
        asked=tuple(
            (one.name, _cell(one.accuracy, one.accuracy.reason or "interval over rows"))
            for one in found.asked
        ),
        checks=tuple(
            Check(
                classifier=one.classifier,
                fitted=rows_in_words(check.start),
                asked=rows_in_words(check.end),
                predicted=_points(check.predicted.value),
                interval=f"{_points(check.predicted.low)} to {_points(check.predicted.high)}",
                seen=_points(check.seen),
                told="inside" if check.holds else "outside",
            )
            for one in found.extrapolations
            for check in one.checks
        ),
        gains=tuple(
            Gain(
                size=rows_in_words(one.size),
                tuned=one.tuned or UNDEFINED,
                other=one.other or UNDEFINED,
                gain=_points(one.gain.value),
                interval=UNDEFINED
                if one.gain.low is None or one.gain.high is None
                else f"{_points(one.gain.low)} to {_points(one.gain.high)}",
            )
            for one in (found.pays.gains if found.pays is not None else ())
        ),
    )


def _cell(accuracy: Estimate, about: str) -> Cell:
    shown = "" if accuracy.low is None else interval(accuracy.low, accuracy.high)
    return Cell(number(accuracy.value), shown, about)


def _about(draws: int, over: str | None, reason: str | None) -> str:
    parts = [counted(draws, "draw")]
    if over is not None:
        parts.append(f"interval over {over}")
    if reason is not None:
        parts.append(reason)
    return ", ".join(parts)


def _points(value: float | None) -> str:
    """A difference of accuracy in points."""
    if value is None:
        return UNDEFINED
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{abs(100 * value):.1f}"
