"""What accuracy costs: methods by their parameters, their memory and their time."""

from typing import TYPE_CHECKING, Any

from tunelab.evaluation.pareto import pareto_front
from tunelab.report.methods_table import MethodRow, methods_of
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, faded, focus_on, names_legend
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy against parameters, memory and time"
# A cost: the attribute of a method, what it is divided by, and the title of its axis.
_COSTS = {
    "trainable parameters": ("trainable", 1.0),
    "peak memory, GB": ("peak_bytes", 1e9),
    "time of a step, s": ("seconds_per_step", 1.0),
    "time to the best loss, s": ("seconds_to_best", 1.0),
}
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_COLUMNS = ["method", "cost", "value", "accuracy", "low", "high", "front"]


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: method, cost, value, accuracy, low, high, front; of two methods or more.

    ``front`` tells whether no other method costs as little and is as accurate.
    """
    import pandas as pd

    methods = [row for row in methods_of(run) if row.accuracy.value is not None]
    rows = []
    for cost, (attribute, unit) in _COSTS.items() if len(methods) > 1 else ():
        known = [(row, value) for row in methods if (value := getattr(row, attribute)) is not None]
        rows += _points(cost, [row for row, _ in known], [value / unit for _, value in known])
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    fronts = []
    for cost, rows in table.groupby("cost", sort=False):
        kept = listed(
            [
                f"{row.method} ({row.value:.3g}, accuracy {row.accuracy:.3f})"
                for row in rows[rows["front"]].sort_values("value").itertuples()
            ],
            limit=5,
        )
        fronts.append(f"by {cost}: {kept}")
    return "Not beaten by another method, " + "; ".join(fronts)


def draw(table: "pd.DataFrame") -> Any:
    """A panel for each cost; whiskers are 95 % intervals, the line joins the Pareto front."""
    import altair as alt

    short = short_names(table["method"])
    table, names = table.assign(method=table["method"].map(short)), list(short.values())
    focus = focus_on("method")
    panels = [
        _panel(table[table["cost"] == cost], str(cost), names, focus)
        for cost in dict.fromkeys(table["cost"])
    ]
    panels[0] = panels[0].add_params(focus)
    return alt.concat(*panels, columns=2)


def _panel(rows: "pd.DataFrame", cost: str, names: list[str], focus: Any) -> Any:
    import altair as alt

    counted = cost == "trainable parameters"
    x = alt.X(
        "value:Q",
        title=cost,
        scale=alt.Scale(type="log", nice=False, padding=20)
        if counted
        else alt.Scale(zero=False, padding=20),
        axis=alt.Axis(format="~s" if counted else "~g", tickCount=4),
    )
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
            color=_colour(names),
            opacity=faded(focus),
        )
    )
    points = base.mark_point(filled=True, size=90).encode(
        x=x,
        y=y,
        color=_colour(names),
        shape=alt.Shape(
            "method:N",
            sort=names,
            scale=alt.Scale(domain=names, range=_cycled(_SHAPES, len(names))),
            title=None,
            legend=names_legend(names),
        ),
        opacity=faded(focus),
        tooltip=[
            "method",
            alt.Tooltip("accuracy:Q", format=".3f"),
            alt.Tooltip("value:Q", title=cost, format=",.4~g"),
            alt.Tooltip("front:N", title="on the front"),
        ],
    )
    return (front + whiskers + points).properties(width=250, height=210)


def _colour(names: list[str]) -> Any:
    import altair as alt

    return alt.Color(
        "method:N",
        sort=names,
        scale=alt.Scale(domain=names, range=_cycled(PALETTE, len(names))),
        title=None,
        legend=names_legend(names),
    )


def _cycled(values: tuple[str, ...], count: int) -> list[str]:
    return [values[position % len(values)] for position in range(count)]


def _points(cost: str, methods: list[MethodRow], values: list[float]) -> list[dict[str, Any]]:
    accuracies = [float(row.accuracy.value or 0.0) for row in methods]
    front = set(
        pareto_front([(value, -score) for value, score in zip(values, accuracies, strict=True)])
    )
    return [
        {
            "method": row.name,
            "cost": cost,
            "value": value,
            "accuracy": accuracy,
            "low": row.accuracy.low,
            "high": row.accuracy.high,
            "front": position in front,
        }
        for position, (row, value, accuracy) in enumerate(
            zip(methods, values, accuracies, strict=True)
        )
    ]
