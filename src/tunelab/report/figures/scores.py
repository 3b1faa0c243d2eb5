"""The grouped bar chart: accuracy and F1 of every model."""

from typing import TYPE_CHECKING, Any

from tunelab.numbers import number
from tunelab.report.run_folder import RunFolder
from tunelab.report.style import PALETTE, WIDTH, choice_of, names_axis

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy and F1 on the test rows"
_NUMBERED = 7
_METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "macro-F1",
    "f1_micro": "micro-F1",
    "f1_weighted": "weighted F1",
}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, metric, value, low, high."""
    import pandas as pd

    rows = []
    for result in run.evaluated:
        scores = result.values["scores"]
        for key, name in _METRICS.items():
            rows.append(
                {
                    "model": result.name,
                    "metric": name,
                    "value": scores[key],
                    "low": result.values["intervals"][key]["low"],
                    "high": result.values["intervals"][key]["high"],
                }
            )
    return pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    accuracy = table[table["metric"] == "accuracy"].dropna(subset=["value"])
    return "Accuracy: " + ", ".join(
        f"{row.model} {number(row.value)}" for row in accuracy.itertuples()
    )


def draw(table: "pd.DataFrame") -> Any:
    """Bars grouped by model, one colour a metric; whiskers are 95 % intervals."""
    import altair as alt

    models = list(dict.fromkeys(table["model"]))
    offset = alt.XOffset("metric:N", sort=list(_METRICS.values()))
    x = alt.X("model:N", sort=models, title=None, axis=names_axis(models))
    choice = choice_of("metric", list(_METRICS.values()))
    base = alt.Chart(table).encode(x=x, xOffset=offset).transform_filter(choice)
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", scale=alt.Scale(domain=[0, 1]), title="score"),
        color=alt.Color(
            "metric:N",
            sort=list(_METRICS.values()),
            scale=alt.Scale(range=list(PALETTE)),
            title=None,
        ),
        tooltip=["model", "metric", alt.Tooltip("value:Q", format=".3f")],
    )
    whiskers = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(color="#222")
        .encode(y="low:Q", y2="high:Q")
    )
    labels = (
        base.mark_text(dy=-5, fontSize=10)
        .encode(y=alt.Y("top:Q"), text=alt.Text("value:Q", format=".2f"))
        .transform_calculate(top="isValid(datum.high) ? datum.high : datum.value")
    )
    layers = bars.add_params(choice) + whiskers
    # Beside many models the numbers would stand on each other; the tooltip has them.
    layers = layers + labels if len(models) <= _NUMBERED else layers
    return layers.properties(width=WIDTH, height=300)
