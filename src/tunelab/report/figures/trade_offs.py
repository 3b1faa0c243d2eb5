"""What accuracy costs: methods by their parameters, their memory and their time."""

from typing import TYPE_CHECKING, Any

from tunelab.report.figures.pareto_panels import (
    COLUMNS,
    Point,
    describe_fronts,
    draw_panels,
    panel_rows,
)
from tunelab.report.methods_table import methods_of
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy against parameters, memory and time"
_PARAMETERS = "trainable parameters"
# A cost: the attribute of a method, what it is divided by, and the title of its axis.
_COSTS = {
    _PARAMETERS: ("trainable", 1.0),
    "peak memory, GB": ("peak_bytes", 1e9),
    "time of a step, s": ("seconds_per_step", 1.0),
    "time to the best loss, s": ("seconds_to_best", 1.0),
}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: method, cost, value, accuracy, low, high, front; of two methods or more.

    ``front`` says whether no other method costs as little and is as accurate.
    """
    import pandas as pd

    methods = [row for row in methods_of(run) if row.accuracy.value is not None]
    rows = []
    for cost, (attribute, unit) in _COSTS.items() if len(methods) > 1 else ():
        points = [
            Point(row.name, value / unit, row.accuracy.value, row.accuracy.low, row.accuracy.high)
            for row in methods
            if (value := getattr(row, attribute)) is not None and row.accuracy.value is not None
        ]
        rows += panel_rows("method", cost, points)
    return pd.DataFrame(rows, columns=["method", *COLUMNS])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    return describe_fronts(table, "method")


def draw(table: "pd.DataFrame") -> Any:
    """A panel for each cost; whiskers are 95 % intervals, the line joins the Pareto front."""
    return draw_panels(table, "method", {_PARAMETERS: "log"})
