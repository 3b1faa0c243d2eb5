"""What each row adds to a metric of one classifier, so that classifiers are compared row by row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunelab.evaluation.metrics import Answered, Metric


def row_values(metric: Metric, answered: Answered) -> list[float] | None:
    """A number for each row whose mean is the metric's value, or nearly.

    Of a mean of rows these are the rows' own values. Of another metric that reads labels, such as
    macro-F1, they are jackknife pseudo-values: n times the value minus n - 1 times the value
    without the row. None where the metric is not defined, or reads more than labels.

    Source: Tukey, Bias and Confidence in Not-quite Large Samples, 1958; Miller, The Jackknife: A
    Review, 1974.
    """
    if metric.mean_of_rows:
        spans = metric.rows(answered)
        return None if spans is None else [span.low for span in spans]
    whole, rows = metric.value(answered).value, len(answered.truth)
    if metric.reads != "labels" or whole is None or rows < 2:
        return None
    cells = list(zip(answered.truth, answered.predicted, strict=True))
    without = {}
    # Rows with the same labels, true and given, weigh the same.
    for cell in Counter(cells):
        value = metric.value(_without(answered, cells.index(cell))).value
        if value is None:
            return None
        without[cell] = rows * whole - (rows - 1) * value
    return [without[cell] for cell in cells]


def mean_over_seeds(columns: Sequence[Sequence[float]]) -> list[float]:
    """The mean of a row over the training seeds, (seeds, rows) to (rows,)."""
    return [sum(row) / len(row) for row in zip(*columns, strict=True)]


def _without(answered: Answered, row: int) -> Answered:
    """The labels of all rows but one."""

    def rest(values: tuple[str | None, ...]) -> tuple[str | None, ...]:
        return values[:row] + values[row + 1 :]

    predictions = replace(
        answered.predictions,
        texts=answered.predictions.texts[:row] + answered.predictions.texts[row + 1 :],
        truth=answered.truth[:row] + answered.truth[row + 1 :],
        generated=None,
        likelihoods=None,
        given=None,
        groups=None,
    )
    return replace(
        answered, predictions=predictions, predicted=rest(answered.predicted), scored=None
    )
