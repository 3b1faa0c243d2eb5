"""The metrics that are there: those of tunelab, and those of installed packages."""

from collections.abc import Mapping
from functools import cache
from typing import cast

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.evaluation.metrics.contract import Metric


def find_metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        UsageError: there is none; the near matches are named.
    """
    return cast(Metric, registry.resolve("metric", name, registry.METRICS))


@cache
def all_metrics() -> Mapping[str, Metric]:
    """Every metric by its name, those of tunelab first."""
    return {name: find_metric(name) for name in registry.METRICS}


def check_metric(name: str, found: object) -> None:
    """Refuse what an entry point gives in place of a metric.

    Raises:
        UsageError: it is none, or has another id than the entry point.
    """
    if not isinstance(found, Metric):
        raise UsageError(f"it is a {type(found).__name__}, not a tunelab.evaluation.metrics.Metric")
    if found.id != name:
        raise UsageError(f"its id is {found.id!r}, not that of the entry point")
