"""A setting of a classifier chosen by cross-validation on the training rows."""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

_log = logging.getLogger(__name__)

# The inverse strength of regularization: a number, or chosen on the training rows.
Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["auto"]
MOST_FOLDS = 5
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

    There are as many folds as the rarest label has rows, 5 at most; of many rows only the first
    folds are asked, until that was done with ``enough``. Labels with a single row take no part, as
    it cannot be both fitted and asked. Where fewer than two labels have two rows no row is asked.
    The rows of a group stay within one fold; there are then no more folds than the label with the
    fewest groups has groups.

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
    often = [label for label, count in counts.items() if count > 1]
    right, done = [0] * len(values), 0
    if len(often) < 2:
        return right, done
    rows = np.flatnonzero(np.isin(truth, often))
    number = min(MOST_FOLDS, *(counts[label] for label in often))
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
            for position, found in enumerate(answer(rows[fitted], rows[asked])):
                right[position] += int((np.asarray(found, dtype=str) == truth[rows[asked]]).sum())
            done += len(asked)
            if done >= enough:
                break
    return right, done
