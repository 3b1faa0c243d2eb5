"""Matthews' correlation of true and predicted labels, for any number of labels.

Source: Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient,
2004. An answer without a label counts as one more label that no row has.
"""

from typing import Any

from tunelab.evaluation.metrics.constructors import count_metric
from tunelab.evaluation.statistics.confusion_counts import Counts, Statistic


def _correlation(counts: Counts) -> Any:
    import numpy as np

    rows, missing = counts.rows, counts.unparsed
    both = counts.hits.sum(axis=1) * rows - (counts.support * counts.predicted).sum(axis=1)
    true = rows**2 - (counts.support**2).sum(axis=1)
    given = rows**2 - (counts.predicted**2).sum(axis=1) - missing**2
    # Up to floating point, as shares of rows are given as well as whole rows.
    defined = (true > 1e-12 * rows**2) & (given > 1e-12 * rows**2)
    spread = np.sqrt(np.where(defined, true * given, 1.0))
    return np.where(defined, both / spread, np.nan)


def _why(counts: Counts) -> str:
    if (counts.support > 0).sum() == 1:
        return "all rows have the same true label"
    return "every answer is the same label" if counts.predicted.sum() else "no answer has a label"


METRIC = count_metric(
    "mcc",
    "Matthews' correlation",
    "correlation of true and predicted labels, from -1 to 1; 0 is chance",
    Statistic(_correlation, _why),
    limits=(-1.0, 1.0),
    hub_type="matthews_correlation",
)
