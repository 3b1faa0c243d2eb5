"""Probabilities of labels, checked and as an array."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Probabilities that were stored in 32 bits sum to 1 within some millionths.
_TOLERANCE = 1e-4


def as_table(
    probabilities: "Sequence[Sequence[float]] | np.ndarray",
    truth_index: "Sequence[int] | np.ndarray",
) -> tuple[Any, Any]:
    """Float array (rows, labels) that sums to 1 in each row, and int array (rows,) of true columns.

    Raises:
        ValueError: the shapes disagree, a row does not sum to 1, or a true label has no column.
    """
    import numpy as np

    table = np.asarray(probabilities, dtype=float)
    truth = np.asarray(truth_index, dtype=int)
    if len(table) != len(truth):
        raise ValueError(f"{len(table)} rows of probabilities and {len(truth)} true labels")
    if not len(truth):
        return np.zeros((0, 0)), truth
    if table.ndim != 2:
        raise ValueError("probabilities must have a row an answer and a column a label")
    # Written so that NaN fails too.
    if not ((table >= 0).all() and (abs(table.sum(axis=1) - 1) <= _TOLERANCE).all()):
        raise ValueError("the probabilities of each row must be 0 or more and sum to 1")
    if truth.min() < 0 or truth.max() >= table.shape[1]:
        raise ValueError(f"a true label is not among the {table.shape[1]} columns")
    return table, truth
