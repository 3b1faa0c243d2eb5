"""Rows with known labels as a review reads them, and how sure the answers to them are.

`tunelab predict` and `tunelab serve` may give another label than the likeliest one, as a language
model that is asked in words does. Such an answer always goes to a person: its confidence is
:data:`NEVER_KEPT`, below any threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.evaluation.statistics.clusters import clusters_of

if TYPE_CHECKING:
    import numpy as np

NEVER_KEPT = -1.0
# The column of an answer without a label.
NO_COLUMN = -1
# A rounding in the last digits decides nothing.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class AskedRows:
    """What a classifier gave to rows, array-likes, and their true labels.

    ``probabilities``: (rows, labels). ``truth``: (rows,), the columns of the true labels.
    ``answers``: (rows,), the columns of the labels that were answered, :data:`NO_COLUMN` for none;
    None where these are the likeliest ones. ``groups``: (rows,), those that belong together, with
    None for a row alone; None where all rows are independent.
    """

    probabilities: Any
    truth: Any
    answers: Any = None
    groups: Sequence[object] | None = None


def is_likeliest(probabilities: Any, answers: Any = None) -> "np.ndarray":
    """Whether each answer is the likeliest label, array (rows,) of bool.

    ``probabilities``: (rows, labels), before any temperature, which may make labels equal.
    """
    import numpy as np

    table = np.asarray(probabilities, dtype=float)
    if answers is None or not len(table):
        return np.ones(len(table), dtype=bool)
    same: np.ndarray = table.argmax(axis=1) == np.asarray(answers, dtype=int)
    return same


def confidence_of(calibrated: Any, likeliest: Any) -> "np.ndarray":
    """The highest probability of each row, (rows,); :data:`NEVER_KEPT` where ``likeliest`` is not.

    ``likeliest``: (rows,), what :func:`is_likeliest` gives.
    """
    import numpy as np

    table = np.asarray(calibrated, dtype=float)
    highest = table.max(axis=1) if table.size else np.zeros(len(table))
    sure: np.ndarray = np.where(likeliest, highest, NEVER_KEPT)
    return sure


def is_kept(confidence: Any, threshold: float) -> "np.ndarray":
    """Whether no person needs to look at each answer, (rows,) of bool; NaN needs one."""
    import numpy as np

    kept: np.ndarray = np.asarray(confidence, dtype=float) >= threshold - _ROUNDING
    return kept


def one_of_each(groups: Sequence[object] | None, rows: int, *, seed: int) -> "np.ndarray":
    """The positions of one row of each group, drawn by chance; all rows where they are independent.

    Such rows are exchangeable with a row that is drawn from a new group in the same way, so that
    an exact test of independent rows and a conformal quantile hold for them.

    Source: Dunn, Wasserman and Ramdas, Distribution-Free Prediction Sets for Two-Layer
    Hierarchical Models, 2023 (subsampling once).
    """
    import numpy as np

    clusters = clusters_of(groups)
    if clusters is None:
        return np.arange(rows)
    shuffled = np.random.default_rng([seed, 1]).permutation(rows)
    _, first = np.unique(clusters.index[shuffled], return_index=True)
    chosen: np.ndarray = np.sort(shuffled[first])
    return chosen
