"""The reliability diagram: how often a model is right when it is so and so sure."""

from typing import TYPE_CHECKING, Any

from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Reliability of the label probabilities"
_MOST = 12


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, confidence, accuracy, low, high, rows; a row for each bin with rows."""
    import pandas as pd

    rows = [
        {
            "model": result.name,
            "confidence": entry["confidence"],
            "accuracy": entry["accuracy"],
            "low": entry["accuracy_low"],
            "high": entry["accuracy_high"],
            "rows": entry["rows"],
        }
        for result in run.evaluated
        if result.values["scored"] is not None
        for entry in result.values["scored"]["reliability"]
        if entry["rows"]
    ]
    return pd.DataFrame(rows, columns=["model", "confidence", "accuracy", "low", "high", "rows"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    models = []
    for model, rows in table.groupby("model", sort=False):
        gap = ((rows["confidence"] - rows["accuracy"]) * rows["rows"]).sum() / rows["rows"].sum()
        way = "too sure" if gap > 0 else "too unsure"
        models.append(f"{model} is {way} by {abs(gap):.3f} on average")
    chosen = f"The first {_MOST} models of {len(models)}. " if len(models) > _MOST else ""
    return chosen + listed(models, joint="; ")


def draw(table: "pd.DataFrame") -> Any:
    """A point for each bin of confidence, its area the rows; on the diagonal is honest."""
    import altair as alt
    import pandas as pd

    names = short_names(list(dict.fromkeys(table["model"]))[:_MOST])
    table = table[table["model"].isin(names)]
    unit = alt.Scale(domain=[0, 1])
    diagonal = (
        alt.Chart(pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]}))
        .mark_line(color="#888", strokeDash=[4, 4])
        .encode(x="confidence:Q", y="accuracy:Q")
    )
    base = alt.Chart(table).encode(
        x=alt.X("confidence:Q", scale=unit, title="mean probability of the chosen label")
    )
    panels = []
    for number, model in enumerate(names):
        own = base.transform_filter(alt.FieldEqualPredicate(field="model", equal=model))
        color = PALETTE[number % len(PALETTE)]
        points = own.mark_circle(color=color, opacity=1).encode(
            y=alt.Y("accuracy:Q", scale=unit, title="accuracy"),
            size=alt.Size("rows:Q", title="rows", scale=alt.Scale(range=[20, 300])),
            tooltip=["model", "confidence", "accuracy", "rows"],
        )
        whiskers = own.mark_rule(color=color).encode(y="low:Q", y2="high:Q")
        panels.append(
            alt.layer(diagonal, whiskers, points).properties(
                title=names[model], width=190, height=190
            )
        )
    return alt.concat(*panels, columns=3)
