"""Differences of accuracy and macro-F1 between fine-tuned models and the others."""

from typing import TYPE_CHECKING, Any

from tunelab.evaluation.claims import ALPHA
from tunelab.evaluation.metrics import find_metric
from tunelab.evaluation.sides import ACCURACIES
from tunelab.numbers import signed
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, WIDTH
from tunelab.runs.run_folder import RunFolder
from tunelab.study.judging.stage import verdicts_of

if TYPE_CHECKING:
    import pandas as pd

TITLE = "How much fine-tuning gains, with 95 % intervals; filled where the rows decide it"
# Pairs of a figure: those with the largest differences of accuracy.
_MOST = 30
_PAIR = 56
_DECIDED = {True: "decided, corrected", False: "undecided"}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: pair, metric, value, low, high, decided."""
    import pandas as pd

    rows = [
        {
            "pair": f"{entry.left} − {entry.right}",
            "metric": find_metric(entry.metric).title,
            "value": entry.difference.value,
            "low": entry.difference.low,
            "high": entry.difference.high,
            "decided": _DECIDED[entry.p_corrected is not None and entry.p_corrected < ALPHA],
        }
        for entry in verdicts_of(run).comparisons
        if entry.difference.value is not None
    ]
    return pd.DataFrame(rows, columns=["pair", "metric", "value", "low", "high", "decided"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    accuracy, scored = (find_metric(name).title for name in ACCURACIES)
    told_of = table[table["metric"].isin([accuracy, scored])]
    description = listed(
        [
            f"{row['pair']} {signed(row['value'])}"
            + (" (likeliest label)" if row["metric"] == scored else "")
            for row in told_of.to_dict("records")
        ]
    )
    pairs = table["pair"].nunique()
    chosen = f"The {_MOST} pairs of {pairs} that differ most. " if pairs > _MOST else ""
    return f"{chosen}Accuracy: {description}"


def draw(table: "pd.DataFrame") -> Any:
    """A point and its interval for each pair, filled where the corrected test decides."""
    import altair as alt

    ranked = table.assign(size=table["value"].abs()).groupby("pair", sort=False)["size"].max()
    most = set(ranked.sort_values(ascending=False, kind="stable").index[:_MOST])
    table = table[table["pair"].isin(most)]
    names = short_names(table["pair"], _PAIR)
    table = table.assign(pair=table["pair"].map(names))
    metrics = list(table["metric"].unique())
    base = alt.Chart(table).encode(
        y=alt.Y(
            "pair:N",
            sort=list(names.values()),
            title=None,
            axis=alt.Axis(labelLimit=_PAIR * 8),
        ),
        yOffset=alt.YOffset("metric:N", sort=metrics),
        color=alt.Color(
            "metric:N",
            sort=metrics,
            scale=alt.Scale(range=list(PALETTE)),
            title=None,
        ),
    )
    lines = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    points = base.mark_point(size=60, opacity=1).encode(
        x=alt.X("value:Q", title="difference"),
        fill=alt.condition(
            f"datum.decided === '{_DECIDED[True]}'",
            alt.Color("metric:N", legend=None),
            alt.value("white"),
        ),
        tooltip=["pair", "metric", alt.Tooltip("value:Q", format="+.3f")],
    )
    zero = alt.Chart().mark_rule(color="#888", strokeDash=[4, 4]).encode(x=alt.datum(0))
    return alt.layer(zero, lines, points, data=table).properties(
        width=WIDTH - 160, height=alt.Step(22)
    )
