"""The answers of classifiers that were trained on draws of several sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tunelab.evaluation.statistics.clusters import Clusters


@dataclass(frozen=True, order=True)
class BudgetCell:
    """One training: a classifier on one draw of one size.

    ``size`` is a position in :attr:`BudgetAnswers.sizes`, ``draw`` counts from 0. The draw of a
    smaller size is a part of the same draw of a larger one.
    """

    classifier: str
    size: int
    draw: int


@dataclass(frozen=True)
class BudgetAnswers:
    """Which test rows each training answers rightly.

    ``classifiers`` in the order of the study. ``sizes``: the mean number of training rows of a
    label, ascending. ``draws``: how many draws of each size the study asks for; a size that takes
    all rows has one draw. ``right``: for each training that was done, a bool array (test rows,).
    The rows are the same, in the same order, for all. ``asked``: a bool array (test rows,) of each
    classifier that is asked as it is and that no label changes. ``clusters``: which test rows
    belong together, None where all are independent.
    """

    classifiers: tuple[str, ...]
    sizes: tuple[float, ...]
    draws: tuple[int, ...]
    right: Mapping[BudgetCell, npt.NDArray[np.bool_]]
    asked: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    clusters: Clusters | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All classifiers, those that are only asked at the end."""
        return (*self.classifiers, *self.asked)

    def at(self, classifier: str, size: int) -> npt.NDArray[np.bool_]:
        """The draws of one classifier and size that were done, array (draws, test rows)."""
        done = [
            self.right[cell]
            for cell in sorted(self.right)
            if cell.classifier == classifier and cell.size == size
        ]
        rows = next(iter(self.right.values())).shape[0] if self.right else 0
        return np.stack(done) if done else np.empty((0, rows), dtype=np.bool_)
