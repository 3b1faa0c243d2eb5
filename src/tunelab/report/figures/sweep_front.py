"""The trials by two goals, with the front of those that none beats in both."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunelab.report.shortened import listed
from tunelab.report.style import PALETTE, WIDTH

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The first goal against each other one"
# Points of the figure, of which those that lead are always drawn.
_MOST = 1500
_COLUMNS = ["trial", "first", "other", "x", "y", "standing"]
_STANDINGS = ("winner", "on the front", "beaten")


def collect(record: Mapping[str, Any]) -> "pd.DataFrame":
    """Columns: trial, names of two goals, their values y and x, standing; empty for one goal."""
    import pandas as pd

    first, *others = [goal["name"] for goal in record["goals"]]
    best = record["winner"]
    rows = [
        {
            "trial": trial["number"],
            "first": first,
            "other": other,
            "x": trial["goals"][other],
            "y": trial["goals"][first],
            "standing": _STANDINGS[0]
            if best is not None and trial["number"] == best["number"]
            else _STANDINGS[1]
            if trial["front"]
            else _STANDINGS[2],
        }
        for other in others
        for trial in record["trials"]
        if trial["goals"] is not None
    ]
    beaten = [row for row in rows if row["standing"] == _STANDINGS[2]]
    leading = [row for row in rows if row["standing"] != _STANDINGS[2]][:_MOST]
    apart = max(1, -(-len(beaten) // _MOST))
    return pd.DataFrame([*leading, *beaten[::apart]], columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words: the front."""
    leading = table[table["standing"] != _STANDINGS[2]]
    parts = [
        f"trial {row.trial} {row.first} {row.y:.4g}, {row.other} {row.x:.4g}"
        for row in leading.itertuples()
    ]
    return "On the front: " + listed(parts, joint="; ")


def draw(table: "pd.DataFrame") -> Any:
    """A panel for each goal but the first; a line joins the front where there are two goals."""
    import altair as alt

    panels = []
    for other in dict.fromkeys(table["other"]):
        part = table[table["other"] == other]
        base = alt.Chart(part).encode(
            x=alt.X("x:Q", title=other, scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", title=str(part["first"].iloc[0]), scale=alt.Scale(zero=False)),
        )
        points = base.mark_point(filled=True, size=80, opacity=0.9).encode(
            color=alt.Color(
                "standing:N",
                sort=list(_STANDINGS),
                scale=alt.Scale(
                    domain=list(_STANDINGS), range=[PALETTE[1], PALETTE[0], PALETTE[6]]
                ),
                title=None,
            ),
            shape=alt.Shape("standing:N", sort=list(_STANDINGS), legend=None),
            tooltip=["trial", "first", "y", "other", "x", "standing"],
        )
        line = base.transform_filter(f"datum.standing !== '{_STANDINGS[2]}'").mark_line(
            color=PALETTE[0], strokeDash=[4, 3], interpolate="linear"
        )
        layers = [line, points] if table["other"].nunique() == 1 else [points]
        panels.append(alt.layer(*layers).properties(width=WIDTH // 2 - 60, height=240))
    if len(panels) == 1:
        return panels[0].properties(width=WIDTH - 60)
    return alt.concat(*panels, columns=2)
