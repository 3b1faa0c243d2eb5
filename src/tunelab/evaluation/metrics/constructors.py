"""Make a metric from little: values of rows, or a function of the confusion matrix."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tunelab.evaluation.metrics.contract import Answered, Metric, Resampling
from tunelab.evaluation.metrics.scores import wilson_interval
from tunelab.evaluation.statistics.clusters import (
    Clusters,
    cluster_mean,
    cluster_share,
    cluster_share_against,
    compare_clusters,
    mean_against,
)
from tunelab.evaluation.statistics.comparison import compare_means, compare_shares, share_against
from tunelab.evaluation.statistics.confusion_counts import Statistic
from tunelab.evaluation.statistics.estimates import Difference, Estimate, undefined
from tunelab.evaluation.statistics.limits import (
    Span,
    at_least,
    bound_of,
    compare_limited,
    exactly,
    limited_estimate,
    mean_span,
)
from tunelab.evaluation.statistics.resampling import (
    count_against,
    count_difference,
    count_interval,
    count_value,
)
from tunelab.evaluation.statistics.seeds import summarize

# A number for each row, or None where the model was not asked for what it needs.
Values = Callable[[Answered], Sequence[float] | None]

_NO_ROWS = "there are no rows"
_NOT_ASKED = "the model was not asked for it"
_NO_CLUSTERS = "there is no test of values known as bounds whose rows belong together"


def share(flags: Sequence[bool], clusters: Clusters | None = None) -> Estimate:
    """The share of rows that are true, with Wilson's interval."""
    if not flags:
        return Estimate(None, None, None, _NO_ROWS)
    if clusters is not None:
        return cluster_share(flags, clusters)
    low, high = wilson_interval(sum(flags), len(flags))
    return Estimate(sum(flags) / len(flags), low, high)


def share_metric(id: str, title: str, description: str, values: Values, **more: Any) -> Metric:
    """The share of rows whose value is 1 and not 0.

    Interval: Wilson's. Comparison: McNemar's test and Tango's interval; with a number, the exact
    binomial test. Of rows that belong together:
    :mod:`tunelab.evaluation.statistics.clusters`. ``more`` are other fields of :class:`Metric`.
    """

    def estimate(answered: Answered, resampling: Resampling) -> Estimate:
        found = values(answered)
        if found is None:
            return Estimate(None, None, None, _NOT_ASKED)
        return share([bool(value) for value in found], answered.clusters)

    def compare(
        left: Answered, right: Answered | float, margin: float, resampling: Resampling
    ) -> Difference:
        own, clusters = list(values(left) or ()), left.clusters
        if not isinstance(right, Answered):
            if clusters is not None:
                return cluster_share_against(list(map(bool, own)), right, margin, clusters)
            return share_against(own, right, margin)
        others = list(values(right) or ())
        if clusters is not None:
            return compare_clusters(
                own, others, clusters, margin=margin, seed=resampling.seed, shares=True
            )
        return compare_shares(list(map(bool, own)), list(map(bool, others)), margin=margin)

    rows = _known(values)
    return Metric(
        id=id,
        title=title,
        description=description,
        value=_mean(rows),
        estimate=estimate,
        compare=compare,
        rows=rows,
        mean_of_rows=True,
        **more,
    )


def mean_metric(
    id: str,
    title: str,
    description: str,
    values: Values,
    *,
    cut: Callable[[Answered], Sequence[bool]] | None = None,
    censored: Callable[[Sequence[Answered]], str | None] | None = None,
    missing: str = _NOT_ASKED,
    **more: Any,
) -> Metric:
    """The mean of a number of each row.

    Interval: Student's. Comparison: the paired t test; of rows that belong together over groups.
    ``cut`` tells the rows whose value was
    measured at a limit, so that the true one is at least as large, and ``censored`` gives the
    reason in words; such a mean is a bound. ``missing`` is why there are no values.
    ``more`` are other fields of :class:`Metric`.
    """

    def rows(answered: Answered) -> Sequence[Span] | None:
        found = values(answered)
        if found is None or cut is None:
            return None if found is None else list(map(exactly, found))
        pairs = zip(found, cut(answered), strict=True)
        return [at_least(value) if limited else exactly(value) for value, limited in pairs]

    def why(sides: Sequence[Answered]) -> str | None:
        known = all(span.known for side in sides for span in rows(side) or ())
        return None if known or censored is None else censored(sides)

    def estimate(answered: Answered, resampling: Resampling) -> Estimate:
        found = rows(answered)
        if found is None:
            return Estimate(None, None, None, missing)
        reason = why([answered])
        if reason is not None:
            return limited_estimate(found, reason)
        numbers = [span.low for span in found]
        if answered.clusters is not None and numbers:
            return cluster_mean(numbers, answered.clusters)
        return summarize(numbers, "row")

    def compare(
        left: Answered, right: Answered | float, margin: float, resampling: Resampling
    ) -> Difference:
        own = rows(left) or []
        others = (
            rows(right) or [] if isinstance(right, Answered) else [exactly(float(right))] * len(own)
        )
        reason = why([left, *([right] if isinstance(right, Answered) else [])])
        clusters = left.clusters
        if reason is None:
            lefts, rights = [span.low for span in own], [span.low for span in others]
            if clusters is None or not own:
                return compare_means(lefts, rights, margin=margin)
            if not isinstance(right, Answered):
                return mean_against(lefts, right, margin, clusters)
            return compare_clusters(lefts, rights, clusters, margin=margin, seed=resampling.seed)
        if not own:
            return undefined(_NO_ROWS, margin)
        if clusters is not None:
            return replace(
                compare_limited(own, others, margin=margin, reason=f"{reason}; {_NO_CLUSTERS}"),
                p_value=None,
            )
        return compare_limited(own, others, margin=margin, reason=reason)

    return Metric(
        id=id,
        title=title,
        description=description,
        value=_mean(rows),
        estimate=estimate,
        compare=compare,
        rows=rows,
        mean_of_rows=True,
        censored=why,
        **more,
    )


def count_metric(
    id: str,
    title: str,
    description: str,
    statistic: Statistic,
    *,
    no_interval: Callable[[Sequence[str]], str | None] = lambda truth: None,
    **more: Any,
) -> Metric:
    """A function of the confusion matrix, such as F1.

    Interval: the BCa bootstrap over rows, or over groups where rows belong together. Comparison: a
    bootstrap that keeps both answers to a row together. ``no_interval`` says of true labels why
    they give no interval, or None where they do. ``more`` are other fields of :class:`Metric`.
    """

    def value(answered: Answered) -> Estimate:
        return count_value(
            statistic, answered.truth, answered.predicted, answered.predictions.labels
        )

    def estimate(answered: Answered, resampling: Resampling) -> Estimate:
        found = count_interval(
            statistic,
            answered.truth,
            answered.predicted,
            answered.predictions.labels,
            seed=resampling.seed,
            resamples=resampling.resamples,
            clusters=answered.clusters,
        )
        reason = no_interval(answered.truth) if found.low is not None else None
        return found if reason is None else replace(found, low=None, high=None, reason=reason)

    def compare(
        left: Answered, right: Answered | float, margin: float, resampling: Resampling
    ) -> Difference:
        labels = left.predictions.labels
        if not isinstance(right, Answered):
            return count_against(
                statistic,
                left.truth,
                left.predicted,
                labels,
                right,
                seed=resampling.seed,
                resamples=resampling.resamples,
                margin=margin,
                clusters=left.clusters,
            )
        return count_difference(
            statistic,
            left.truth,
            left.predicted,
            right.predicted,
            tuple(dict.fromkeys((*labels, *right.predictions.labels))),
            seed=resampling.seed,
            resamples=resampling.resamples,
            margin=margin,
            clusters=left.clusters,
        )

    return Metric(
        id=id,
        title=title,
        description=description,
        value=value,
        estimate=estimate,
        compare=compare,
        rows=_known(right_rows),
        mean_of_rows=False,
        **more,
    )


def right_rows(answered: Answered) -> Sequence[float]:
    """1 for each row whose label is right, 0 for the others."""
    pairs = zip(answered.truth, answered.predicted, strict=True)
    return [float(true == guess) for true, guess in pairs]


def _known(values: Values) -> Callable[[Answered], Sequence[Span] | None]:
    def rows(answered: Answered) -> Sequence[Span] | None:
        found = values(answered)
        return None if found is None else list(map(exactly, found))

    return rows


def _mean(
    rows: Callable[[Answered], Sequence[Span] | None],
) -> Callable[[Answered], Estimate]:
    def value(answered: Answered) -> Estimate:
        found = rows(answered)
        if not found:
            return Estimate(None, None, None, _NOT_ASKED if found is None else _NO_ROWS)
        middle, bound = bound_of(mean_span(found))
        return Estimate(middle, None, None, None, bound)

    return value
