"""The score of a classifier over its training seeds, with an interval."""

from collections.abc import Sequence

from tunelab.evaluation.metrics import Answered, Metric, Resampling
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.evaluation.statistics.seeds import across_seeds, summarize


def score_of(metric: Metric, answers: Sequence[Answered], resampling: Resampling) -> Estimate:
    """The metric's value; ``answers`` are those of each training seed.

    Over several seeds the interval of a share of rows covers other seeds and other rows, that of
    another metric other seeds on these rows.
    """
    if len(answers) == 1:
        return metric.estimate(answers[0], resampling)
    rows = [[span.low for span in metric.rows(one) or ()] for one in answers]
    if metric.mean_of_rows and {value for row in rows for value in row} <= {0.0, 1.0}:
        right = [[value == 1.0 for value in row] for row in rows]
        return across_seeds(right, answers[0].clusters).accuracy_anywhere
    return summarize([metric.value(one).value for one in answers], bounds=metric.limits)
