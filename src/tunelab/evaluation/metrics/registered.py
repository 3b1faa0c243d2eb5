"""The metrics that are there: those of tunelab, and those of installed packages."""

import logging
from collections.abc import Mapping
from functools import cache

from tunelab import registry
from tunelab.evaluation.metrics.contract import Metric

GROUP = "tunelab.metrics"

_log = logging.getLogger(__name__)


def find_metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        UsageError: there is none.
    """
    known = all_metrics()
    return known[registry.check_name("metric", name, known)]


@cache
def all_metrics() -> Mapping[str, Metric]:
    """Every metric by its name, those of tunelab first.

    A metric of another package that cannot be used is left out, with one sentence in the log.
    """
    found = {}
    for name, target in registry.with_plugins(registry.METRICS, GROUP).items():
        try:
            found[name] = _checked(name, registry.import_target(target))
        except Exception as error:
            if name in registry.METRICS:
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            _log.warning("the metric %s (%s) is left out: %s", name, target, reason[:200])
    return found


def _checked(name: str, found: object) -> Metric:
    if not isinstance(found, Metric):
        raise TypeError(f"a metric is a tunelab.evaluation.metrics.Metric, not {type(found)}")
    if found.id != name:
        raise ValueError(f"its id is {found.id!r}; register it under that name")
    return found
