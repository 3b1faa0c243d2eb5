"""Whether a model's probabilities mean what they say.

``probabilities`` has a row an answer and a column a label, and each row sums to 1; ``truth_index``
is the column of each row's true label.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.probabilities import as_table
from tunelab.evaluation.statistics.clusters import cluster_share, clusters_of
from tunelab.evaluation.statistics.estimates import Estimate

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose highest probability is above ``low`` and at most ``high``.

    ``confidence`` is the mean of that probability, ``accuracy`` the share of right rows with its
    95 % Wilson interval; all four are None in a bin without rows.
    """

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None

    def to_dict(self) -> dict[str, Any]:
        """The bin as JSON values."""
        return asdict(self)


def brier(probabilities: Sequence[Sequence[float]], truth_index: Sequence[int]) -> float | None:
    """Mean squared distance of the probabilities from the truth, summed over labels: 0 to 2.

    None where there are no rows.

    Source: Brier, Verification of Forecasts Expressed in Terms of Probability, 1950.

    Raises:
        ValueError: the probabilities are no such table, or a true label has no column.
    """
    table, truth = as_table(probabilities, truth_index)
    if not len(truth):
        return None
    import numpy as np

    right = np.zeros_like(table)
    right[np.arange(len(truth)), truth] = 1.0
    return float(((table - right) ** 2).sum(axis=1).mean())


def reliability(
    probabilities: Sequence[Sequence[float]],
    truth_index: Sequence[int],
    *,
    bins: int = BINS,
    groups: Sequence[object] | None = None,
) -> list[ReliabilityBin]:
    """Accuracy by confidence, in bins of equal width over 0 to 1.

    ``groups``: (rows,), rows that belong together, whose intervals are clustered.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017.

    Raises:
        ValueError: as :func:`brier`, or there are no bins.
    """
    import numpy as np

    if bins < 1:
        raise ValueError("there must be at least one bin")
    table, truth = as_table(probabilities, truth_index)
    edges = np.linspace(0.0, 1.0, bins + 1)
    confidence = table.max(axis=1) if len(truth) else np.zeros(0)
    right = table.argmax(axis=1) == truth if len(truth) else np.zeros(0, dtype=bool)
    position = np.searchsorted(edges[1:-1], confidence, side="left")
    found = []
    for number in range(bins):
        inside = position == number
        rows, hits = int(inside.sum()), int(right[inside].sum())
        low, high = wilson_interval(hits, rows)
        clusters = (
            clusters_of([group for group, member in zip(groups, inside, strict=True) if member])
            if groups is not None and rows
            else None
        )
        if clusters is not None:
            own = cluster_share(right[inside].tolist(), clusters)
            low, high = own.low, own.high
        found.append(
            ReliabilityBin(
                low=float(edges[number]),
                high=float(edges[number + 1]),
                rows=rows,
                confidence=float(confidence[inside].mean()) if rows else None,
                accuracy=hits / rows if rows else None,
                accuracy_low=low,
                accuracy_high=high,
            )
        )
    return found


def expected_calibration_error(
    probabilities: Sequence[Sequence[float]], truth_index: Sequence[int], *, bins: int = BINS
) -> Estimate:
    """Mean distance of confidence and accuracy over the bins of :func:`reliability`, 0 to 1.

    It has no interval: in few rows it overstates the error, as every bin's chance counts as
    error, and no standard interval corrects for that.

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015;
    Guo et al., 2017.

    Raises:
        ValueError: as :func:`reliability`.
    """
    found = reliability(probabilities, truth_index, bins=bins)
    rows = sum(entry.rows for entry in found)
    if not rows:
        return Estimate(None, None, None, "there are no rows")
    distance = sum(
        entry.rows * abs(entry.accuracy - entry.confidence)
        for entry in found
        if entry.accuracy is not None and entry.confidence is not None
    )
    return Estimate(distance / rows, None, None, "no interval: the binned error is biased upwards")
