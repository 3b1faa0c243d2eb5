"""How far people agree on the rows that two of them labelled."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.labelling.queue import QueuedRow
from tunelab.labelling.records import History, settled

_RESAMPLES = 1000


@dataclass(frozen=True)
class Agreement:
    """Two people's labels of the ``rows`` that both labelled: how many are the ``same``, and
    Cohen's kappa with its 95 % interval.
    """

    first: str
    second: str
    rows: int
    same: int
    kappa: Estimate


@dataclass(frozen=True)
class Different:
    """A row with the label of each person; ``settled`` is what more than half of them gave."""

    row: QueuedRow
    labels: dict[str, str]
    settled: str | None


def agreements(history: History, rows: tuple[QueuedRow, ...]) -> list[Agreement]:
    """The agreement of each two people who labelled a row in common."""
    found = []
    labelled = [history.labels(row.id) for row in rows]
    for first, second in combinations(history.people(), 2):
        pairs = [(one[first], one[second]) for one in labelled if first in one and second in one]
        if pairs:
            same = sum(left == right for left, right in pairs)
            found.append(Agreement(first, second, len(pairs), same, kappa_of(pairs)))
    return found


def kappa_of(pairs: list[tuple[str, str]]) -> Estimate:
    """Cohen's kappa of two people's labels, with its 95 % interval over rows."""
    from tunelab.evaluation.metrics.contract import Answered, Resampling
    from tunelab.evaluation.metrics.kappa import METRIC
    from tunelab.evaluation.predictions import Predictions

    left, right = zip(*pairs, strict=True)
    labels = tuple(sorted({*left, *right}))
    predictions = Predictions(labels, ("",) * len(pairs), left)
    return METRIC.estimate(
        Answered(predictions, right, None), Resampling(seed=0, resamples=_RESAMPLES)
    )


def different(history: History, rows: tuple[QueuedRow, ...]) -> Iterator[Different]:
    """The rows to which people gave different labels, in the order of the queue."""
    for row in rows:
        labels = history.labels(row.id)
        if len(set(labels.values())) > 1:
            yield Different(row, labels, settled(labels))
