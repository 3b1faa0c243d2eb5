"""Compare named classifiers on the same rows, and correct the p-values of a family of tests.

A family holds the tests that one reader reads together. Each is corrected in itself: what somebody
claimed before a run is one, what a report compares without having been asked is another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunelab.evaluation.claims import compare_rows
from tunelab.evaluation.metrics import Answered, Resampling
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.statistics.estimates import Difference, undefined


@dataclass(frozen=True)
class Comparison:
    """Left against right in one metric; ``p_corrected`` is Holm's over all tests of its family."""

    left: str
    right: str
    metric: str
    difference: Difference
    p_corrected: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {**vars(self), "difference": self.difference.to_dict()}


def read_comparison(values: Mapping[str, Any]) -> Comparison:
    """What :meth:`Comparison.to_dict` gave."""
    return Comparison(**{**values, "difference": Difference(**values["difference"])})


def compare_pairs(
    answers: Mapping[str, Sequence[Answered]],
    pairs: Iterable[tuple[str, str, str]],
    resampling: Resampling,
    *,
    not_comparable: Callable[[str, str], str | None] = lambda left, right: None,
) -> list[Comparison]:
    """Compare classifiers in pairs, as one family.

    Args:
        answers: of each classifier by name, for each of its training seeds; all to the same rows.
        pairs: left, right and the metric.
        resampling: of the bootstrap, where a metric needs one.
        not_comparable: why two of these names are not compared, or None.
    """
    found = []
    for left, right, metric in pairs:
        reason = not_comparable(left, right)
        difference = (
            compare_rows(
                metric,
                answers[left],
                answers[right],
                0.0,
                resampling.seed,
                resampling.resamples,
            )
            if reason is None
            else undefined(reason)
        )
        found.append(Comparison(left, right, metric, difference))
    return corrected(found)


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one family, with Holm's correction over its tests.

    A test that is in it twice counts once. What has no p-value is no test.
    """
    family = {_key(one): one.difference.p_value for one in comparisons}
    found = dict(zip(family, holm(list(family.values())), strict=True))
    return [replace(one, p_corrected=found[_key(one)]) for one in comparisons]


def count_tests(comparisons: Iterable[Comparison]) -> int:
    """The tests that :func:`corrected` counts."""
    return len({_key(one) for one in comparisons if one.difference.p_value is not None})


def _key(comparison: Comparison) -> tuple[Any, ...]:
    """What a test is counted by. A claim that cannot be tested shares no key with one that is."""
    difference = comparison.difference
    tested = difference.p_value is not None
    return comparison.metric, comparison.left, comparison.right, difference.margin, tested
