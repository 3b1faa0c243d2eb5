"""Accuracy against the number of labelled rows, with intervals over draws and test rows."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.two_way import (
    LEVEL,
    Sample,
    TwoWay,
    known,
    paired,
    sample_of,
    two_way,
)
from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.statistics.clusters import cluster_share, compare_clusters
from tunelab.evaluation.statistics.comparison import compare_shares
from tunelab.evaluation.statistics.estimates import Difference, Estimate, undefined
from tunelab.numbers import counted

# What an interval allows for: other draws of the training rows and other test rows, or, where one
# draw was done, other test rows alone.
Over = Literal["draws and rows", "rows"]

CROSSED = "crossed random effects of draws and rows"
POWER = 0.8

NO_DRAW = "no draw of this size was done"
NO_ROWS = "there are no test rows"
ONE_ROW = "one test row shows no spread"
ALL_ALIKE = "all answers are alike, so there is no spread"


@dataclass(frozen=True)
class CurvePoint:
    """The accuracy of a classifier at one size.

    ``size`` is in rows a label, ``draws`` of the ``planned`` ones were done, ``rows`` are the test
    rows. ``over`` says what the interval of the accuracy allows for, None where there is none.
    ``sd`` is the standard deviation of the accuracies of the draws, None for fewer than two.
    """

    classifier: str
    size: float
    draws: int
    planned: int
    rows: int
    accuracy: Estimate
    over: Over | None
    sd: float | None

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON values."""
        return asdict(self)


def curve(answers: BudgetAnswers, classifier: str) -> tuple[CurvePoint, ...]:
    """The accuracy of a classifier at each size, smallest first.

    With several draws the interval allows for other draws and other test rows; its half-width is
    laid off on the logit scale, as accuracies near 1 are skewed. With one draw it is Wilson's, over
    rows, and with two there is none. Rows that belong together count as groups. A classifier that
    is only asked has the same accuracy at each size, over rows.

    Raises:
        ValueError: there is no such classifier.
    """
    known(answers, classifier)
    return tuple(_point(answers, classifier, size) for size in range(len(answers.sizes)))


def difference(answers: BudgetAnswers, first: str, second: str, size: int) -> Difference:
    """Accuracy of ``first`` minus that of ``second`` at a position in ``answers.sizes``.

    Draws that both have done are compared, row by row. With several draws the interval and the
    p-value allow for other draws and other rows. With one draw they are those of two classifiers
    on the same rows, Tango's and McNemar's, or of groups of rows. ``rows_needed`` counts test rows,
    with these draws.

    Raises:
        ValueError: there is no such classifier or size.
    """
    known(answers, first, second)
    if not 0 <= size < len(answers.sizes):
        raise ValueError(f"there is no size {size}; the label budget has {len(answers.sizes)}")
    sample = paired(answers, first, second, size)
    if sample is None:
        return undefined("no draw of this size was done by both")
    draws, rows = sample.values.shape
    if not rows:
        return undefined(NO_ROWS)
    if draws == 1:
        left, right = (sample.values[0] > 0).tolist(), (sample.values[0] < 0).tolist()
        if sample.clusters is not None:
            return compare_clusters(left, right, sample.clusters, shares=True)
        return compare_shares(left, right)
    found = two_way([sample])
    value = float(found.means[0])
    reach = found.reach()
    spread = float(sample.values.mean(axis=1).std(ddof=1))
    details: dict[str, float | int] = {"draws": draws, "sd_draws": spread}
    reason = ONE_ROW if rows == 1 else sample.no_interval
    # Values that are equal on paper differ in the last digits of floating point.
    if reason is None and reach < 1e-12:
        reason = "the two differ alike in every row of every draw"
    if reason is not None:
        return Difference(
            value, None, None, None, CROSSED, 0.0, None, None, rows, None, reason, details
        )
    needed, reasons = _rows_needed(value, found, rows), []
    if needed is None and abs(value) > 1e-12:
        reasons.append("with these draws no number of test rows would show a difference")
    return Difference(
        value=value,
        low=max(-1.0, value - reach),
        high=min(1.0, value + reach),
        p_value=found.p_value(),
        test=CROSSED,
        margin=0.0,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=needed,
        reason="; ".join(reasons) or None,
        details=details,
    )


def in_rows(size: float) -> str:
    """A size in words."""
    if size < 10 and size != round(size):
        return f"{size:.1f} rows a label"
    return f"{counted(round(size), 'row')} a label"


def _point(answers: BudgetAnswers, classifier: str, size: int) -> CurvePoint:
    sample = sample_of(answers, classifier, size)
    planned, rows_a_label = answers.draws[size], answers.sizes[size]
    if sample is None:
        none = Estimate(None, None, None, NO_DRAW)
        return CurvePoint(classifier, rows_a_label, 0, planned, 0, none, None, None)
    draws, rows = sample.values.shape
    estimate, over = _accuracy(sample)
    return CurvePoint(
        classifier=classifier,
        size=rows_a_label,
        draws=draws,
        planned=planned,
        rows=rows,
        accuracy=estimate,
        over=over,
        sd=float(sample.values.mean(axis=1).std(ddof=1)) if draws > 1 and rows else None,
    )


def asked_accuracy(answers: BudgetAnswers, classifier: str) -> Estimate:
    """The accuracy of a classifier that is only asked, with its interval over rows.

    Raises:
        ValueError: there is no such classifier.
    """
    known(answers, classifier)
    return _accuracy(Sample((0,), answers.asked[classifier][None].astype(float), answers.clusters))[
        0
    ]


def _accuracy(sample: Sample) -> tuple[Estimate, Over | None]:
    values = sample.values
    draws, rows = values.shape
    if not rows:
        return Estimate(None, None, None, NO_ROWS), None
    mean = float(values.mean())
    if draws == 1 and sample.clusters is not None:
        found = cluster_share((values[0] > 0).tolist(), sample.clusters)
        return found, None if found.low is None else "rows"
    if draws == 1:
        low, high = wilson_interval(int(values.sum()), rows)
        return Estimate(mean, low, high), "rows"
    if rows == 1:
        return Estimate(mean, None, None, ONE_ROW), None
    if not 0 < mean < 1:
        return Estimate(mean, None, None, ALL_ALIKE), None
    if sample.no_interval is not None:
        return Estimate(mean, None, None, sample.no_interval), None
    reach = two_way([sample]).reach()
    odds = mean / (1 - mean)
    factor = math.exp(min(700.0, reach / (mean * (1 - mean))))
    return Estimate(mean, odds / (odds + factor), odds / (odds + 1 / factor)), "draws and rows"


def _rows_needed(value: float, found: TwoWay, rows: int) -> int | None:
    """Test rows at which this difference is found with 80 % power, with the draws there are."""
    from scipy.special import ndtri

    factor = float(ndtri(1 - LEVEL / 2) + ndtri(POWER)) ** 2
    left = value**2 - factor * max(0.0, float(found.by_draws[0, 0]))
    if abs(value) < 1e-12 or left <= 0:
        return None
    return max(2, math.ceil(factor * float(found.by_rows[0, 0]) * rows / left))
