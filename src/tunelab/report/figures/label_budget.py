"""Accuracy of each classifier against the labelled rows that it was trained on."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tunelab.evaluation.label_budget.curves import CurvePoint
from tunelab.evaluation.label_budget.found import LabelBudget, rows_in_words
from tunelab.numbers import number
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, WIDTH
from tunelab.runs.run_folder import RunFolder
from tunelab.study.judging.label_budget import budget_of

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy by labelled rows"
_COLUMNS = ["part", "classifier", "size", "accuracy", "low", "high", "draws", "over"]
_CURVE, _ASKED, _CROSSING = "curve", "asked", "crossing"
_LINES = (_CURVE, _ASKED)
# Curves that can be told apart: those of the most accurate classifiers.
_MOST = 10
_HEIGHT = 340
# Pixels between two names at the ends of the curves, and the room of a log axis behind its end.
_APART = 15
_BEHIND = 1.09


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: part (curve, asked or crossing), classifier, size, accuracy, low, high, draws, over.

    ``size`` is in rows a label; what is only asked has the same accuracy at the smallest and the
    largest one. Of a curve, ``low`` and ``high`` are the 95 % interval of the
    accuracy, over what ``over`` says. Of a crossing they are that of the size; an open end is null.
    """
    import pandas as pd

    found = budget_of(run)
    rows: list[dict[str, Any]] = []
    if found is not None:
        rows = [*_curves(found), *_asked(found), *_crossings(found)]
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    curves = _best(table[table["part"] == _CURVE])
    parts = [
        f"{name} from {_at(group.iloc[0])} to {_at(group.iloc[-1])}"
        for name, group in curves.groupby("classifier", sort=False)
    ]
    flat = table[table["part"] == _ASKED].groupby("classifier", sort=False).first()
    parts += [f"{name} without training {number(row.accuracy)}" for name, row in flat.iterrows()]
    crossed = [
        f"{row.classifier} at about {rows_in_words(round(float(row.size)))} rows a label"
        for row in _rows(table[table["part"] == _CROSSING])
    ]
    every = table[table["part"] == _CURVE]["classifier"].nunique()
    chosen = f"The {_MOST} most accurate classifiers of {every}. " if every > _MOST else ""
    told = f"{chosen}Accuracy by rows a label, with 95 % intervals: {listed(parts, joint='; ')}"
    return told + (f". Curves cross: {listed(crossed, joint='; ')}" if crossed else "")


def draw(table: "pd.DataFrame") -> Any:
    """A line with its band for each classifier, named at its end; crossings are marked."""
    import altair as alt

    curves = _best(table[table["part"].isin(_LINES)])
    kept = list(dict.fromkeys(curves["classifier"]))
    names = short_names(curves["classifier"])
    curves = curves.assign(classifier=curves["classifier"].map(names))
    sizes = sorted(set(curves["size"]))
    ends = [*curves["accuracy"], *curves["low"].dropna(), *curves["high"].dropna()]
    lowest, highest = max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02)
    order = list(names.values())
    colour = alt.Color(
        "classifier:N",
        sort=order,
        scale=alt.Scale(
            domain=order, range=[PALETTE[at % len(PALETTE)] for at in range(len(order))]
        ),
        legend=None,
    )
    x = alt.X(
        "size:Q",
        title="rows of each label (mean, logarithmic)",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(values=_marked(sizes), format=",.4~g", labelOverlap=True),
    )
    y = alt.Y(
        "accuracy:Q",
        title="accuracy",
        scale=alt.Scale(domain=[lowest, highest], nice=False, zero=False),
    )
    base = alt.Chart(curves)
    band = (
        base.transform_filter("isValid(datum.low)")
        .mark_area(opacity=0.1)
        .encode(x=x, y=alt.Y("low:Q", title="accuracy"), y2="high:Q", color=colour)
    )
    dashes = alt.Scale(domain=list(_LINES), range=[[1, 0], [5, 4]])
    line = base.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=colour, strokeDash=alt.StrokeDash("part:N", scale=dashes, legend=None)
    )
    points = (
        base.transform_filter(f"datum.part == '{_CURVE}'")
        .mark_point(filled=True, size=46, opacity=1)
        .encode(
            x=x,
            y=y,
            color=colour,
            tooltip=[
                "classifier",
                alt.Tooltip("size:Q", title="rows a label", format=",.4~g"),
                alt.Tooltip("accuracy:Q", format=".3f"),
                alt.Tooltip("low:Q", title="from", format=".3f"),
                alt.Tooltip("high:Q", title="to", format=".3f"),
                "draws:Q",
                alt.Tooltip("over:N", title="interval over"),
            ],
        )
    )
    chart = band + line + points + _ends(curves, colour, (lowest, highest))
    crossings = table[(table["part"] == _CROSSING) & table["classifier"].map(_of(kept))]
    if len(crossings):
        chart = chart + _marks(crossings, sizes)
    return chart.properties(width=WIDTH - 140, height=_HEIGHT)


def _curves(found: LabelBudget) -> list[dict[str, Any]]:
    return [
        {
            "part": _CURVE,
            "classifier": point.classifier,
            "size": point.size,
            "accuracy": point.accuracy.value,
            "low": point.accuracy.low,
            "high": point.accuracy.high,
            "draws": point.draws,
            "over": point.over,
        }
        for point in found.curves
        if point.accuracy.value is not None
    ]


def _asked(found: LabelBudget) -> list[dict[str, Any]]:
    """A flat line for each classifier that no label changes."""
    sizes = sorted({point.size for point in found.curves if point.accuracy.value is not None})
    return [
        {
            "part": _ASKED,
            "classifier": one.name,
            "size": size,
            "accuracy": one.accuracy.value,
            "low": one.accuracy.low,
            "high": one.accuracy.high,
            "draws": None,
            "over": None if one.accuracy.low is None else "rows",
        }
        for one in found.asked
        if one.accuracy.value is not None
        for size in (sizes[:1] + sizes[-1:] if len(sizes) > 1 else sizes)
    ]


def _crossings(found: LabelBudget) -> list[dict[str, Any]]:
    rows = []
    for one in found.crossed:
        height = None if one.size is None else _height(found.curve(one.second), one.size)
        if height is not None:
            rows.append(
                {
                    "part": _CROSSING,
                    "classifier": f"{one.second} overtakes {one.first}",
                    "size": one.size,
                    "accuracy": height,
                    "low": one.low,
                    "high": one.high,
                    "draws": None,
                    "over": one.over,
                }
            )
    return rows


def _height(curve: Sequence[CurvePoint], size: float) -> float | None:
    """The accuracy of a curve at a size, between its points on a logarithmic axis."""
    points = [
        (math.log(point.size), point.accuracy.value)
        for point in curve
        if point.accuracy.value is not None
    ]
    at = math.log(size)
    for (left, low), (right, high) in pairwise(points):
        if left <= at <= right:
            return low + (high - low) * ((at - left) / (right - left) if right > left else 0.0)
    return None


def _best(curves: "pd.DataFrame") -> "pd.DataFrame":
    """The curves of the classifiers that are the most accurate at their largest size."""
    last = curves.groupby("classifier", sort=False)["accuracy"].last()
    best = last.sort_values(ascending=False, kind="stable").index[:_MOST]
    return curves[curves["classifier"].isin(best)]


def _ends(curves: "pd.DataFrame", colour: Any, domain: tuple[float, float]) -> Any:
    """The name of each curve behind its last point, moved where two would lie on each other."""
    import altair as alt

    last = curves.groupby("classifier", sort=False).last().reset_index()
    apart = _APART / _HEIGHT * (domain[1] - domain[0])
    edge = float(curves["size"].max()) * _BEHIND
    ends = last.sort_values("accuracy", kind="stable").assign(
        shown=lambda rows: _spread([float(value) for value in rows["accuracy"]], apart, domain),
        edge=edge,
    )
    y = alt.Y("shown:Q", title="accuracy")
    lead = (
        alt.Chart(ends)
        .mark_rule(strokeWidth=1)
        .encode(x="size:Q", x2="edge:Q", y=alt.Y("accuracy:Q", title="accuracy"), y2="shown:Q")
        .encode(color=colour)
    )
    name = (
        alt.Chart(ends)
        .mark_text(align="left", baseline="middle", dx=5, fontSize=12, color="black")
        .encode(x="edge:Q", y=y, text="classifier:N")
    )
    return lead + name


def _spread(heights: Sequence[float], apart: float, domain: tuple[float, float]) -> list[float]:
    """Ascending heights, moved so that two are at least ``apart``, within the axis."""
    shown: list[float] = []
    for height in heights:
        shown.append(max(height, shown[-1] + apart) if shown else height)
    above = shown[-1] - domain[1]
    if above > 0:
        # From the top down again: the axis has no room above.
        top = domain[1]
        for position in range(len(shown) - 1, -1, -1):
            shown[position] = min(shown[position], top)
            top = shown[position] - apart
    return shown


def _marks(crossings: "pd.DataFrame", sizes: Sequence[float]) -> Any:
    """A cross where two curves cross, and a rule over the interval of its size."""
    import altair as alt

    marked = crossings.assign(
        begin=crossings["low"].fillna(sizes[0]).clip(lower=sizes[0]),
        end=crossings["high"].fillna(sizes[-1]).clip(upper=sizes[-1]),
    )
    base = alt.Chart(marked)
    y = alt.Y("accuracy:Q", title="accuracy")
    # An interval that is open on both sides would be a rule across the whole chart.
    ended = base.transform_filter("isValid(datum.low) || isValid(datum.high)")
    reach = ended.mark_rule(color="#222", strokeDash=[3, 2]).encode(x="begin:Q", x2="end:Q", y=y)
    # Drawn by its stroke alone, which the page turns light on dark paper.
    cross = base.mark_point(
        shape="cross", size=110, filled=False, stroke="#222", strokeWidth=1.6, opacity=1
    ).encode(
        x="size:Q",
        y=y,
        tooltip=[
            alt.Tooltip("classifier:N", title="crossing"),
            alt.Tooltip("size:Q", title="at rows a label", format=",.3~g"),
            alt.Tooltip("low:Q", title="from", format=",.3~g"),
            alt.Tooltip("high:Q", title="to", format=",.3~g"),
        ],
    )
    return reach + cross


def _of(kept: Sequence[str]) -> Any:
    """Whether a crossing is of curves that are drawn."""
    return lambda words: all(name in kept for name in str(words).split(" overtakes "))


def _marked(sizes: Sequence[float]) -> list[float]:
    return [round(size, 1) for size in sizes]


def _at(row: Any) -> str:
    return f"{number(float(row['accuracy']))} with {rows_in_words(round(float(row['size']), 1))}"


def _rows(table: "pd.DataFrame") -> Any:
    return table.itertuples()
