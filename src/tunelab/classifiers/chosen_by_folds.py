"""A setting of a classifier chosen by cross-validation on the training rows."""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

_log = logging.getLogger(__name__)

# The inverse strength of regularization: a number, or chosen on the training rows.
Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["auto"]
MOST_FOLDS = 5
# The share of the rows that the labels with a row for each fold must make up.
_ASKED = 0.9
# Rows after which further folds would tell little more, and would take long.
ENOUGH_ROWS = 3_000

# Fits to the rows of the first indices with each value, and gives the predictions for the second.
Answer = Callable[[Any, Any], Iterator[Any]]


def choose(
    values: Sequence[Any],
    fallback: Any,
    labels: Sequence[str],
    answer: Answer,
    *,
    seed: int | None,
    groups: Sequence[object] | None = None,
) -> Any:
    """The value with the highest accuracy over the folds of :func:`count_right`.

    The first of equal ones is taken, and ``fallback`` where there is nothing to choose by.
    """
    right, asked = count_right(values, labels, answer, seed=seed, groups=groups)
    if not asked:
        _log.info("too few rows of each label to choose a setting by; it is %s", fallback)
        return fallback
    return values[right.index(max(right))]


def count_right(
    values: Sequence[Any],
    labels: Sequence[str],
    answer: Answer,
    *,
    seed: int | None,
    groups: Sequence[object] | None = None,
    enough: int = ENOUGH_ROWS,
) -> tuple[list[int], int]:
    """The right answers of each value over stratified folds, and the rows that each was asked.

    There are 5 folds, or fewer where labels that make up a tenth of the rows have fewer rows. Of
    many rows only the first folds are asked, until that was done with ``enough``. Rows of labels
    with fewer rows than folds are fitted to and not asked. Where fewer than two labels have two
    rows no row is asked. The rows of a group stay within one fold; a label then has as many rows
    as groups.

    Args:
        values: the candidates, those that are preferred first.
        labels: of the training rows.
        answer: gives the labels of the rows of its second array of indices, once for each value,
            after fitting to those of its first.
        seed: decides the folds.
        groups: (rows,), which rows belong together; None for a row alone, or where all are.
    """
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    truth = np.asarray(labels, dtype=str)
    together = (
        np.arange(len(truth))
        if groups is None
        else np.array(
            [f"{row}" if group is None else f"group {group}" for row, group in enumerate(groups)]
        )
    )
    # Of rows that belong together, a label has as many as it has groups.
    counts = Counter(label for label, _ in set(zip(truth.tolist(), together.tolist(), strict=True)))
    right, done = [0] * len(values), 0
    number, often = _folds(counts)
    if number < 2:
        return right, done
    # Rows of rarer labels are fitted to in every fold, unless rows of their group are asked.
    rare = np.flatnonzero(~np.isin(truth, often))
    rows = np.flatnonzero(np.isin(truth, often))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A candidate that has not settled is judged by its answers like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Many labels of few rows each are no mistake.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        for fitted, asked in folds.split(
            rows, truth[rows], None if groups is None else together[rows]
        ):
            # Large groups can leave a fold without rows, or without a second label.
            if not len(asked) or len(set(truth[rows[fitted]])) < 2:
                continue
            apart = rare[~np.isin(together[rare], together[rows[asked]])]
            known = np.sort(np.concatenate([rows[fitted], apart]))
            for position, found in enumerate(answer(known, rows[asked])):
                right[position] += int((np.asarray(found, dtype=str) == truth[rows[asked]]).sum())
            done += len(asked)
            if done >= enough:
                break
    return right, done


def _folds(counts: Mapping[str, int]) -> tuple[int, list[str]]:
    """How many folds there are, and the labels that are asked.

    As many as possible, up to :data:`MOST_FOLDS`, so that the labels that have a row for each fold
    make up nine tenths of the rows: one rare label does not leave half of the rows for fitting.
    None where fewer than two labels have two rows.
    """
    every = sum(counts.values())
    for number in range(MOST_FOLDS, 1, -1):
        often = [label for label, count in counts.items() if count >= number]
        asked = sum(counts[label] for label in often)
        if len(often) > 1 and (number == 2 or asked >= _ASKED * every):
            return number, often
    return 0, []
