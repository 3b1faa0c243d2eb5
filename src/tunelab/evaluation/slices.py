"""The scores of parts of the test rows, each tested against the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tunelab.evaluation.metrics import Answered, Metric, Resampling
from tunelab.evaluation.restricting import restricted
from tunelab.evaluation.row_values import mean_over_seeds, row_values
from tunelab.evaluation.side_scores import score_of
from tunelab.evaluation.statistics.clusters import Clusters, clusters_of
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.statistics.estimates import Difference, Estimate
from tunelab.evaluation.statistics.parts import compare_parts

# Rows of a part below which it has no interval and no test.
LEAST_ROWS = 10


@dataclass(frozen=True)
class SliceScore:
    """What a classifier reaches on one part of the test rows.

    ``slice`` is the column or property, ``part`` its value. ``score`` is the value of ``metric`` on
    the part, ``difference`` what it has more than on the ``rest`` of the rows, ``p_corrected``
    Holm's over all tests of slices of the study.
    """

    slice: str
    part: str
    classifier: str
    metric: str
    rows: int
    score: Estimate
    rest: float | None
    difference: Difference
    p_corrected: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The score as JSON values."""
        return {**asdict(self), "difference": self.difference.to_dict()}


def read_slice_score(values: Mapping[str, Any]) -> SliceScore:
    """What :meth:`SliceScore.to_dict` gave."""
    return SliceScore(
        **{
            **values,
            "score": Estimate(**values["score"]),
            "difference": Difference(**values["difference"]),
        }
    )


def score_slices(
    slices: Mapping[str, Sequence[str]],
    answers: Mapping[str, Sequence[Answered]],
    metric: Metric,
    resampling: Resampling,
) -> list[SliceScore]:
    """The scores of every part for every classifier, the tests corrected as one family.

    Args:
        slices: the part of each test row, by the name of the slice.
        answers: of each classifier by name, for each of its seeds; all to these rows.
        metric: what is scored. Parts are tested against the rest in means of rows alone.
        resampling: of intervals by resampling.
    """
    found: list[SliceScore] = []
    tests: list[tuple[str, str, frozenset[int]]] = []
    for slice_, parts in slices.items():
        members = {
            part: [row for row, own in enumerate(parts) if own == part]
            for part in dict.fromkeys(parts)
        }
        for part, inside in sorted(members.items()):
            # Of two parts, one against the other is the same test as the other against the one.
            other = frozenset(range(len(parts))) - frozenset(inside)
            key = min(frozenset(inside), other, key=lambda rows: (len(rows), sorted(rows)))
            for name, answered in answers.items():
                found.append(_score(slice_, part, inside, name, answered, metric, resampling))
                tests.append((slice_, name, key))
    family = dict(zip(tests, (one.difference.p_value for one in found), strict=True))
    corrected = dict(zip(family, holm(list(family.values())), strict=True))
    return [
        replace(one, p_corrected=corrected[test] if one.difference.p_value is not None else None)
        for one, test in zip(found, tests, strict=True)
    ]


def _score(
    slice_: str,
    part: str,
    inside: Sequence[int],
    name: str,
    answered: Sequence[Answered],
    metric: Metric,
    resampling: Resampling,
) -> SliceScore:
    outside = sorted(set(range(len(answered[0].truth))) - set(inside))
    own = [restricted(one, inside) for one in answered]
    score = score_of(metric, own, resampling)
    if len(inside) < LEAST_ROWS:
        reason = f"{len(inside)} rows are too few for an interval, which needs {LEAST_ROWS}"
        score = Estimate(score.value, None, None, score.reason or reason)
    values = [metric.value(restricted(one, outside)).value for one in answered] if outside else []
    known = [value for value in values if value is not None]
    rest = sum(known) / len(known) if known and len(known) == len(values) else None
    return SliceScore(
        slice=slice_,
        part=part,
        classifier=name,
        metric=metric.id,
        rows=len(inside),
        score=score,
        rest=rest,
        difference=_tested(inside, outside, answered, metric, score.value, rest),
    )


def _tested(
    inside: Sequence[int],
    outside: Sequence[int],
    answered: Sequence[Answered],
    metric: Metric,
    value: float | None,
    rest: float | None,
) -> Difference:
    reason = None
    columns = [row_values(metric, one) for one in answered]
    known = [column for column in columns if column is not None]
    if not metric.mean_of_rows:
        reason = f"{metric.title} is no mean of rows, and a part of them is not tested in it"
    elif not outside:
        reason = "all rows are in this part"
    elif min(len(inside), len(outside)) < LEAST_ROWS:
        reason = f"a test needs {LEAST_ROWS} rows in the part and in the rest"
    elif len(known) < len(columns):
        reason = f"{metric.title} is not defined for each row"
    clusters: Clusters | None = clusters_of(answered[0].predictions.groups)
    if reason is not None:
        more = None if value is None or rest is None else value - rest
        return Difference(
            more, None, None, None, "none", 0.0, None, None, len(inside), None, reason
        )
    return compare_parts(mean_over_seeds(known), inside, clusters)
