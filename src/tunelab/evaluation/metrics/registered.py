"""The metrics that are there: those of tunelab, and those of installed packages."""

from collections.abc import Mapping
from functools import cache
from typing import cast

from tunelab import registry
from tunelab.evaluation.metrics.contract import Metric
from tunelab.guards.plug_ins import check_plug_in


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
    """Refuse what an entry point gives if it is not a metric with the entry point's name.

    Raises:
        UsageError: as said.
    """
    check_plug_in(name, found, Metric, "id")
