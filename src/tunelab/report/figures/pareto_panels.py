"""Panels of accuracy against a cost each, in which a line joins the Pareto front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.evaluation.pareto import pareto_front
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, faded, focus_on, names_legend

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("cost", "value", "accuracy", "low", "high", "front")
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_DECADES = [10.0**power for power in range(-6, 13)]


@dataclass(frozen=True)
class Point:
    """What something with a name cost, and its accuracy with the 95 % interval."""

    name: str
    value: float
    accuracy: float
    low: float | None
    high: float | None


def panel_rows(who: str, cost: str, points: Sequence[Point]) -> list[dict[str, Any]]:
    """A row for each point; its name is in the column ``who``.

    ``front`` says whether no other costs as little and is as accurate.
    """
    front = set(pareto_front([(point.value, -point.accuracy) for point in points]))
    return [
        {
            who: point.name,
            "cost": cost,
            "value": point.value,
            "accuracy": point.accuracy,
            "low": point.low,
            "high": point.high,
            "front": position in front,
        }
        for position, point in enumerate(points)
    ]


def describe_fronts(table: "pd.DataFrame", who: str) -> str:
    """The charts in words, for readers who do not see them."""
    fronts = []
    for cost, rows in table.groupby("cost", sort=False):
        kept = listed(
            [
                f"{getattr(row, who)} ({row.value:.3g}, accuracy {row.accuracy:.3f})"
                for row in rows[rows["front"]].sort_values("value").itertuples()
            ],
            limit=5,
        )
        fronts.append(f"by {cost}: {kept}")
    return f"Not beaten by another {who}, " + "; ".join(fronts)


def draw_panels(table: "pd.DataFrame", who: str, scales: Mapping[str, str]) -> Any:
    """A panel for each cost; whiskers are 95 % intervals.

    ``scales`` names the scale of a cost's axis, linear where it names none: log, or decades, which
    is logarithmic and has room for 0.
    """
    import altair as alt

    short = short_names(table[who])
    table, names = table.assign(**{who: table[who].map(short)}), list(short.values())
    focus = focus_on(who)
    panels = [
        _panel(
            table[table["cost"] == cost], who, str(cost), scales.get(str(cost), ""), names, focus
        )
        for cost in dict.fromkeys(table["cost"])
    ]
    panels[0] = panels[0].add_params(focus)
    return alt.concat(*panels, columns=2)


def _panel(
    rows: "pd.DataFrame", who: str, cost: str, scale: str, names: list[str], focus: Any
) -> Any:
    import altair as alt

    x = _axis(rows["value"], cost, scale)
    y = alt.Y("accuracy:Q", title="accuracy", scale=alt.Scale(zero=False, padding=12))
    base = alt.Chart(rows)
    front = (
        base.transform_filter("datum.front")
        .mark_line(interpolate="step-after", color="#888", strokeDash=[4, 3])
        .encode(x=x, y=y, order="value:Q")
    )
    whiskers = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule()
        .encode(
            x=x,
            y=alt.Y("low:Q", title="accuracy"),
            y2="high:Q",
            color=_colour(who, names),
            opacity=faded(focus),
        )
    )
    points = base.mark_point(filled=True, size=90).encode(
        x=x,
        y=y,
        color=_colour(who, names),
        shape=alt.Shape(
            f"{who}:N",
            sort=names,
            scale=alt.Scale(domain=names, range=_cycled(_SHAPES, len(names))),
            title=None,
            legend=names_legend(names),
        ),
        opacity=faded(focus),
        tooltip=[
            who,
            alt.Tooltip("accuracy:Q", format=".3f"),
            alt.Tooltip("value:Q", title=cost, format=",.4~g"),
            alt.Tooltip("front:N", title="on the front"),
        ],
    )
    return (front + whiskers + points).properties(width=250, height=210)


def _axis(values: "pd.Series[float]", cost: str, scale: str) -> Any:
    import altair as alt

    if scale == "log":
        return alt.X(
            "value:Q",
            title=cost,
            scale=alt.Scale(type="log", nice=False, padding=20),
            axis=alt.Axis(format="~s", tickCount=4),
        )
    if scale == "decades":
        above = values[values > 0]
        least, most = (above.min(), above.max()) if len(above) else (1.0, 1.0)
        marks = [mark for mark in _DECADES if least / 10 < mark < 10 * most]
        zero = bool((values == 0).any())
        kind = {"type": "symlog", "constant": least} if zero else {"type": "log"}
        return alt.X(
            "value:Q",
            title=cost,
            scale=alt.Scale(**kind, nice=False, padding=20),
            axis=alt.Axis(format=",~r", values=[0.0, *marks] if zero else marks),
        )
    return alt.X(
        "value:Q",
        title=cost,
        scale=alt.Scale(zero=False, padding=20),
        axis=alt.Axis(format="~g", tickCount=4),
    )


def _colour(who: str, names: list[str]) -> Any:
    import altair as alt

    return alt.Color(
        f"{who}:N",
        sort=names,
        scale=alt.Scale(domain=names, range=_cycled(PALETTE, len(names))),
        title=None,
        legend=names_legend(names),
    )


def _cycled(values: tuple[str, ...], count: int) -> list[str]:
    return [values[position % len(values)] for position in range(count)]
