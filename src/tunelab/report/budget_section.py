"""The section of a report on the label budget: its table of accuracies, and the gains by size."""

from dataclasses import dataclass

from tunelab.evaluation.label_budget.found import LabelBudget, rows_in_words
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
class BudgetTable:
    """The sizes in words, a row for each classifier, and the gains of fine-tuning by size."""

    sizes: tuple[str, ...]
    rows: tuple[Row, ...]
    gains: tuple[Gain, ...]


def budget_table(found: LabelBudget) -> BudgetTable:
    """The table of a label budget."""
    return BudgetTable(
        sizes=tuple(size.in_words for size in found.sizes),
        rows=tuple(
            Row(
                name=name,
                fine_tuned=name in found.tuned,
                cells=tuple(
                    Cell(
                        number(point.accuracy.value),
                        ""
                        if point.accuracy.low is None
                        else interval(point.accuracy.low, point.accuracy.high),
                        _about(point.draws, point.over, point.accuracy.reason),
                    )
                    for point in found.curve(name)
                ),
            )
            for name in found.classifiers
            if found.curve(name)
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
