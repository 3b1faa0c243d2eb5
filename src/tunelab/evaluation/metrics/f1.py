"""F1 averaged over labels, over rows, or over labels weighted by their rows."""

from collections.abc import Sequence
from typing import Any

from tunelab.evaluation.metrics.constructors import count_metric
from tunelab.evaluation.metrics.contract import Answered
from tunelab.evaluation.statistics.confusion_counts import Counts, Statistic
from tunelab.evaluation.statistics.few_rows import macro_doubt, mean_interval_doubt


def _each_label(counts: Counts) -> tuple[Any, Any]:
    """F1 of each label, 0 where it is not defined, and whether it is: (samples, labels)."""
    import numpy as np

    total = counts.support + counts.predicted
    defined = total > 0
    return np.where(defined, 2 * counts.hits / np.where(defined, total, 1), 0.0), defined


def _macro(counts: Counts) -> Any:
    scores, defined = _each_label(counts)
    return scores.sum(axis=1) / defined.sum(axis=1)


def _micro(counts: Counts) -> Any:
    return 2 * counts.hits.sum(axis=1) / (counts.rows + counts.predicted.sum(axis=1))


def _weighted(counts: Counts) -> Any:
    return (_each_label(counts)[0] * counts.support).sum(axis=1) / counts.rows


def _doubt(sides: Sequence[Answered]) -> str | None:
    return macro_doubt(sides[0].truth, [side.predicted for side in sides])


STATISTICS = {
    "macro": Statistic(_macro),
    "micro": Statistic(_micro),
    "weighted": Statistic(_weighted),
}
MACRO = count_metric(
    "f1_macro",
    "macro-F1",
    "mean F1 of the labels that a row has or that were answered",
    STATISTICS["macro"],
    headline=True,
    chart=True,
    doubt=_doubt,
    no_interval=lambda truth: mean_interval_doubt("macro-F1", truth),
    hub_type="f1",
)
MICRO = count_metric(
    "f1_micro", "micro-F1", "F1 of all labels counted together", STATISTICS["micro"], chart=True
)
WEIGHTED = count_metric(
    "f1_weighted",
    "weighted F1",
    "mean F1 of the labels, each weighted by its true rows",
    STATISTICS["weighted"],
    chart=True,
)
