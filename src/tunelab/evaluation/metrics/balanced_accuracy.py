"""Balanced accuracy: the mean share of right rows (recall) over the true labels.

Source: Brodersen and others, The Balanced Accuracy and Its Posterior Distribution, 2010.
"""

from typing import Any

from tunelab.evaluation.metrics.constructors import count_metric
from tunelab.evaluation.statistics.confusion_counts import Counts, Statistic
from tunelab.evaluation.statistics.few_rows import mean_interval_doubt, single_row_doubt


def _mean_recall(counts: Counts) -> Any:
    import numpy as np

    seen = counts.support > 0
    return (counts.hits / np.where(seen, counts.support, 1)).sum(axis=1) / seen.sum(axis=1)


METRIC = count_metric(
    "balanced_accuracy",
    "balanced accuracy",
    "mean share of right rows over the true labels",
    Statistic(_mean_recall),
    doubt=lambda sides: single_row_doubt("balanced accuracy", sides[0].truth),
    no_interval=lambda truth: mean_interval_doubt("balanced accuracy", truth),
)
