"""Parallel coordinates: a line for each complete trial, through its settings to its goals."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunelab.report.style import WIDTH

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The settings of every complete trial and what they came to"
# Lines of the figure: those of the best trials.
_MOST = 300
_COLUMNS = ["trial", "axis", "position", "value", "goal", "winner", "end"]


def collect(record: Mapping[str, Any]) -> "pd.DataFrame":
    """Columns: trial, axis, position from 0 to 1, value in words, first goal, winner, end.

    ``end`` is low or high where a value stands at the end of its axis, else empty.
    """
    import pandas as pd

    complete = [trial for trial in record["trials"] if trial["goals"] is not None]
    complete = sorted(complete, key=_rank)[:_MOST]
    axes = {key["key"]: ("values", key) for key in record["keys"]}
    axes |= {goal["name"]: ("goals", goal) for goal in record["goals"]}
    first, best = record["goals"][0]["name"], record["winner"]
    rows = []
    for name, (part, about) in axes.items():
        values = [trial[part][name] for trial in complete]
        positions = _positions(values, about)
        for trial, value, position in zip(complete, values, positions, strict=True):
            rows.append(
                {
                    "trial": trial["number"],
                    "axis": name,
                    "position": position,
                    "value": _shown(value),
                    "goal": trial["goals"][first],
                    "winner": best is not None and trial["number"] == best["number"],
                    "end": {min(positions): "low", max(positions): "high"}.get(position, ""),
                }
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words: the winner's line."""
    best = table[table["winner"]]
    description = "The winner: " + ", ".join(f"{row.axis} {row.value}" for row in best.itertuples())
    many = table["trial"].nunique() == _MOST
    return f"At most the {_MOST} best trials. {description}" if many else description


def draw(table: "pd.DataFrame") -> Any:
    """An upright axis for each key and goal; the winner's line is the thick one."""
    import altair as alt

    axes = list(dict.fromkeys(table["axis"]))
    x = alt.X(
        "axis:N",
        sort=axes,
        title=None,
        axis=alt.Axis(labelAngle=-20, labelPadding=20, domain=False, ticks=False),
    )
    base = alt.Chart(table).encode(x=x)
    hovered = alt.selection_point(fields=["trial"], on="pointerover", empty=False)
    rules = (
        base.transform_calculate(bottom="0", top="1")
        .mark_rule(color="#888")
        .encode(y=alt.Y("bottom:Q", axis=None), y2="top:Q")
    )
    lines = base.mark_line().encode(
        y=alt.Y("position:Q", axis=None),
        detail="trial:N",
        color=alt.Color(
            "goal:Q", scale=alt.Scale(scheme="viridis"), title="first goal", legend=alt.Legend()
        ),
        strokeWidth=alt.StrokeWidth(
            "winner:N", scale=alt.Scale(domain=[False, True], range=[1.3, 4.5]), legend=None
        ),
        opacity=alt.condition(hovered, alt.value(1.0), alt.value(0.75)),
    )
    points = (
        base.mark_point(filled=True, size=40)
        .encode(
            y="position:Q",
            color="goal:Q",
            tooltip=["trial", "axis", "value", alt.Tooltip("goal:Q", format=".3f")],
        )
        .add_params(hovered)
    )
    ends = alt.Chart(table[table["end"] != ""].drop_duplicates(["axis", "end"])).encode(
        x=x, y="position:Q", text="value:N"
    )
    low = ends.transform_filter("datum.end === 'low'").mark_text(dy=12, fontSize=10)
    high = ends.transform_filter("datum.end === 'high'").mark_text(dy=-10, fontSize=10)
    return alt.layer(rules, lines, points, low, high).properties(width=WIDTH, height=280)


def _rank(trial: Mapping[str, Any]) -> float:
    rank = trial.get("rank")
    return math.inf if rank is None else float(rank)


def _positions(values: list[Any], about: Mapping[str, Any]) -> list[float]:
    """Where values stand on their axis, from 0 to 1; choices at equal distances."""
    if "choices" in about:
        return [about["choices"].index(value) / (len(about["choices"]) - 1) for value in values]
    scale = math.log if about.get("log") else float
    low = scale(about.get("low", min(values, default=0.0)))
    high = scale(about.get("high", max(values, default=0.0)))
    return [0.5 if high == low else (scale(value) - low) / (high - low) for value in values]


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 24 else text[:23] + "…"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
