"""How much of the spread of each goal a searched key explains."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunelab.report.style import PALETTE, WIDTH

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Which keys made the difference"


def collect(record: Mapping[str, Any]) -> "pd.DataFrame":
    """Columns: goal, key, share of the variance; empty where too few trials are complete."""
    import pandas as pd

    rows = [
        {"goal": goal, "key": key, "share": share}
        for goal, found in record["importance"].items()
        for key, share in found.get("shares", {}).items()
    ]
    return pd.DataFrame(rows, columns=["goal", "key", "share"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words."""
    parts = [f"{row.key} {row.share:.0%} of {row.goal}" for row in table.itertuples()]
    return "Share of the spread over trials: " + ", ".join(parts)


def draw(table: "pd.DataFrame") -> Any:
    """A bar for each key, in a colour for each goal."""
    import altair as alt

    goals = list(dict.fromkeys(table["goal"]))
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            y=alt.Y("key:N", sort=list(dict.fromkeys(table["key"])), title=None),
            yOffset=alt.YOffset("goal:N", sort=goals),
            x=alt.X("share:Q", title="share of the spread", axis=alt.Axis(format="%")),
            color=alt.Color("goal:N", sort=goals, scale=alt.Scale(range=list(PALETTE)), title=None),
            tooltip=["goal", "key", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH - 160, height=alt.Step(20))
    )
