"""The share of each answer in each window, beside its share of the test rows."""

from typing import TYPE_CHECKING, Any

from tunelab.evaluation.monitoring.monitored import Monitored
from tunelab.numbers import share
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, WIDTH, names_legend

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Answers by window"
_COLUMNS = ["window", "label", "share", "low", "high", "tested", "changed"]
# Labels that can be told apart: those whose share changed most.
_MOST = 7
_NO_LABEL = "(no label)"


def collect(monitored: Monitored) -> "pd.DataFrame":
    """Columns: window, label, share, low, high (95 %), tested (share of the test rows), changed."""
    import pandas as pd

    rows = [
        [
            one.window.name,
            _NO_LABEL if label is None else label,
            now.value,
            now.low,
            now.high,
            tested,
            bool(one.changed),
        ]
        for one in monitored.windows
        for label, tested, now in one.shares
        if now.value is not None and (tested or now.value)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    kept = _most_changed(table)
    told = [
        f"{label} {share(float(rows['tested'].iloc[0]))} of the test rows and "
        f"{share(float(rows['share'].min()))} to {share(float(rows['share'].max()))} of the windows"
        for label, rows in kept.groupby("label", sort=False)
    ]
    every = table["label"].nunique()
    chosen = f"The {_MOST} labels of {every} that changed most. " if every > _MOST else ""
    return (
        f"{chosen}Shares of the answers with 95 % intervals, dashed the share of the test rows: "
        f"{listed(told, joint='; ')}"
    )


def draw(table: "pd.DataFrame") -> Any:
    """A line for each label over the windows, with its band; dashed its share of the test rows."""
    import altair as alt

    kept = _most_changed(table)
    names = short_names(kept["label"])
    windows = list(dict.fromkeys(table["window"]))
    kept = kept.assign(label=kept["label"].map(names))
    order = list(names.values())
    x = alt.X("window:N", sort=windows, title=None, axis=alt.Axis(labelAngle=-35))
    y = alt.Y("share:Q", axis=alt.Axis(format="%"), title="share of the answers")
    colour = alt.Color(
        "label:N",
        sort=order,
        scale=alt.Scale(domain=order, range=list(PALETTE[: len(order)])),
        title=None,
        legend=names_legend(order),
    )
    base = alt.Chart(kept)
    band = base.mark_area(opacity=0.1).encode(
        x=x, y=alt.Y("low:Q", title="share of the answers"), y2="high:Q", color=colour
    )
    line = base.mark_line(point=True).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=[
            alt.Tooltip("window:N"),
            alt.Tooltip("label:N"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("low:Q", title="from", format=".1%"),
            alt.Tooltip("high:Q", title="to", format=".1%"),
            alt.Tooltip("tested:Q", title="of the test rows", format=".1%"),
        ],
    )
    tested = base.mark_line(strokeDash=[4, 4], opacity=0.7).encode(
        x=x, y=alt.Y("tested:Q", title="share of the answers"), color=colour
    )
    return alt.layer(band, tested, line).properties(width=WIDTH - 80, height=280)


def _most_changed(table: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the labels whose share is furthest from that of the test rows in any window."""
    distance = (table["share"] - table["tested"]).abs()
    furthest = distance.groupby(table["label"], sort=False).max()
    kept = furthest.sort_values(ascending=False, kind="stable").index[:_MOST]
    return table[table["label"].isin(kept)]
