"""What accuracy costs: classifiers by their time, their memory and their size."""

from typing import TYPE_CHECKING, Any

from tunelab.report.facts_table import facts_of
from tunelab.report.figures.pareto_panels import (
    COLUMNS,
    Point,
    describe_fronts,
    draw_panels,
    panel_rows,
)
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy against the cost of each classifier"
# A cost: the fact and what it is divided by.
_COSTS = {
    "milliseconds for one text": ("median_ms", 1.0),
    "seconds to train": ("train_seconds", 1.0),
    "memory to answer, MB": ("memory_bytes", 1e6),
    "files on disk, MB": ("bytes", 1e6),
}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: classifier, cost, value, accuracy, low, high, front; of two classifiers or more.

    ``front`` says whether no other classifier costs as little and is as accurate.
    """
    import pandas as pd

    measured = [row for row in facts_of(run) if row.accuracy is not None]
    rows = []
    for cost, (fact, unit) in _COSTS.items() if len(measured) > 1 else ():
        points = [
            Point(row.name, float(value) / unit, float(row.accuracy or 0.0), row.low, row.high)
            for row in measured
            if (value := row.facts.get(fact)) is not None
        ]
        rows += panel_rows("classifier", cost, points)
    return pd.DataFrame(rows, columns=["classifier", *COLUMNS])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    return describe_fronts(table, "classifier")


def draw(table: "pd.DataFrame") -> Any:
    """A panel for each cost; whiskers are 95 % intervals, the line joins the Pareto front."""
    return draw_panels(table, "classifier", dict.fromkeys(_COSTS, "decades"))
