"""Cohen's kappa: agreement with the true labels beyond that of chance.

Source: Cohen, A Coefficient of Agreement for Nominal Scales, 1960. An answer without a label
agrees with no row.
"""

from typing import Any

from tunelab.evaluation.metrics.constructors import count_metric
from tunelab.evaluation.statistics.confusion_counts import Counts, Statistic


def _kappa(counts: Counts) -> Any:
    import numpy as np

    seen = counts.hits.sum(axis=1) / counts.rows
    chance = (counts.support * counts.predicted).sum(axis=1) / counts.rows**2
    defined = chance < 1 - 1e-12
    return np.where(defined, (seen - chance) / np.where(defined, 1 - chance, 1.0), np.nan)


METRIC = count_metric(
    "kappa",
    "Cohen's kappa",
    "agreement with the true labels beyond chance: 0 is chance, 1 is full agreement",
    Statistic(_kappa, lambda counts: "all true labels and all answers are one label"),
    limits=(-1.0, 1.0),
)
