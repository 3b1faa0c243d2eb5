"""The grouped bar chart: accuracy and F1 of every model."""

from typing import TYPE_CHECKING, Any

from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.metrics import all_metrics
from tunelab.numbers import number
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, WIDTH, choice_of, names_axis
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy and F1 on the test rows"
_NUMBERED = 5
# Models that stand side by side, and those that a figure has at all: the most accurate ones.
_UPRIGHT = 10
_MOST = 40


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, metric, value, low, high."""
    import pandas as pd

    shown = {name: metric.title for name, metric in all_metrics().items() if metric.chart}
    rows = []
    for result in run.evaluated:
        found = recorded(result.values)
        for name, title in shown.items():
            if name in found:
                ends = {key: found[name][key] for key in ("value", "low", "high")}
                rows.append({"model": result.name, "metric": title, **ends})
    return pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    accuracy = table[table["metric"] == "accuracy"].dropna(subset=["value"])
    description = listed([f"{row.model} {number(row.value)}" for row in accuracy.itertuples()])
    models = table["model"].nunique()
    chosen = f"The {_MOST} most accurate models of {models}. " if models > _MOST else ""
    return f"{chosen}Accuracy: {description}"


def draw(table: "pd.DataFrame") -> Any:
    """Bars grouped by model, one colour a metric; whiskers are 95 % intervals."""
    import altair as alt

    table = _best(table)
    names = short_names(table["model"])
    table, models = table.assign(model=table["model"].map(names)), list(names.values())
    metrics = list(table["metric"].unique())
    if len(models) > _UPRIGHT:
        return _level(table, models, metrics)
    offset = alt.XOffset("metric:N", sort=metrics)
    x = alt.X("model:N", sort=models, title=None, axis=names_axis(models))
    choice = choice_of("metric", metrics)
    base = alt.Chart(table).encode(x=x, xOffset=offset).transform_filter(choice)
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", scale=alt.Scale(domain=[0, 1]), title="score"),
        color=alt.Color(
            "metric:N",
            sort=metrics,
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


def _best(table: "pd.DataFrame") -> "pd.DataFrame":
    """The most accurate models, in the order of the study."""
    accuracy = table[table["metric"] == "accuracy"].fillna({"value": -1.0})
    best = accuracy.sort_values("value", ascending=False, kind="stable")["model"][:_MOST]
    return table[table["model"].isin(best)]


def _level(table: "pd.DataFrame", models: list[str], metrics: list[str]) -> Any:
    """Points with whiskers, models below one another, as bars would be too thin to see."""
    import altair as alt

    choice = choice_of("metric", metrics)
    base = (
        alt.Chart(table)
        .transform_filter(choice)
        .encode(
            y=alt.Y("model:N", sort=models, title=None),
            yOffset=alt.YOffset("metric:N", sort=metrics),
            color=alt.Color(
                "metric:N", sort=metrics, scale=alt.Scale(range=list(PALETTE)), title=None
            ),
        )
    )
    points = base.mark_point(filled=True, size=36).encode(
        x=alt.X("value:Q", scale=alt.Scale(domain=[0, 1]), title="score"),
        tooltip=["model", "metric", alt.Tooltip("value:Q", format=".3f")],
    )
    whiskers = (
        base.transform_filter("isValid(datum.low)").mark_rule().encode(x="low:Q", x2="high:Q")
    )
    return (points.add_params(choice) + whiskers).properties(width=WIDTH - 160, height=alt.Step(7))
