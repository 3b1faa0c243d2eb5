"""Rows whose given label is probably wrong, to be read by a person."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.probabilities import as_table


@dataclass(frozen=True)
class NoiseCandidate:
    """A row whose ``likely`` label is not the one it was ``given``.

    Labels are columns of the probabilities. ``margin`` is the probability of the given label
    minus the highest of all others; the lower, the more suspect.
    """

    row: int
    given: int
    likely: int
    margin: float

    def to_dict(self) -> dict[str, Any]:
        """The candidate as JSON values."""
        return asdict(self)


def likely_label_noise(
    probabilities: Sequence[Sequence[float]], truth_index: Sequence[int]
) -> list[NoiseCandidate]:
    """Rows off the diagonal of the confident joint, the lowest normalized margin first.

    A label's threshold is the mean probability that its own rows give it. A row counts as the
    most probable of the labels whose threshold it reaches, or as none; a label that no row was
    given has no threshold and is never likely. The probabilities must come from a model that was
    not trained on these rows.

    Source: Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, 2021.

    Raises:
        ValueError: the probabilities do not have a row that sums to 1 for each row, or a true
            label has no column.
    """
    import numpy as np

    table, truth = as_table(probabilities, truth_index)
    if not len(truth):
        return []
    rows, labels = table.shape
    # A threshold that nothing reaches stands for the missing one.
    thresholds = np.full(labels, np.inf)
    for label in np.unique(truth):
        thresholds[label] = table[truth == label, label].mean()
    confident = np.where(table >= thresholds, table, -np.inf)
    likely = confident.argmax(axis=1)
    suspect = np.isfinite(confident.max(axis=1)) & (likely != truth)
    own = table[np.arange(rows), truth]
    others = table.copy()
    others[np.arange(rows), truth] = -np.inf
    margin = own - others.max(axis=1)
    order = sorted(np.flatnonzero(suspect).tolist(), key=lambda row: (margin[row], row))
    return [
        NoiseCandidate(row, int(truth[row]), int(likely[row]), float(margin[row])) for row in order
    ]
