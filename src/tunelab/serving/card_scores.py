"""The scores of classifiers, for cards."""

from collections.abc import Mapping
from typing import Any

from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.metrics import Metric, all_metrics
from tunelab.numbers import UNDEFINED, Unit, counted, interval, with_unit
from tunelab.runs.results import Result


def headlines() -> list[Metric]:
    """The metrics of the first tables."""
    return [metric for metric in all_metrics().values() if metric.headline]


def score_row(result: Result) -> dict[str, Any]:
    """The headline metrics of a classifier, with intervals."""
    found = recorded(result.values)
    return {
        "name": result.name,
        "headlines": [
            _interval(found[metric.id], metric.unit) if metric.id in found else UNDEFINED
            for metric in headlines()
        ],
        "unparsed": result.values["scores"]["unparsed"],
    }


def all_score_rows(result: Result) -> list[tuple[str, str, str]]:
    """Each metric's title, its value with interval, and what it measures."""
    found = recorded(result.values)
    return [
        (metric.title, _interval(found[name], metric.unit), metric.description)
        for name, metric in all_metrics().items()
        if name in found
    ]


def _interval(estimate: Mapping[str, Any], unit: Unit) -> str:
    if estimate["value"] is None:
        return f"undefined ({estimate['reason']})"
    shown = " ".join(filter(None, (estimate.get("bound"), with_unit(estimate["value"], unit))))
    if estimate["low"] is None:
        return shown
    return f"{shown} ({interval(estimate['low'], estimate['high'], unit)})"


def interval_in_words(estimate: Mapping[str, Any], rows: int) -> str:
    """An interval and the rows that it is of, in a few words."""
    counted_rows = counted(rows, "row")
    if estimate["low"] is None:
        return f"no interval, {counted_rows}"
    return f"95 % interval {interval(estimate['low'], estimate['high'])}, {counted_rows}"
