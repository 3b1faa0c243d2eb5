"""Confusion matrices of samples of rows, and the numbers that follow from them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Counts:
    """The confusion matrices of some samples of rows, in float64; shares count as well as rows.

    ``weights``: (samples, cells), how often each cell was drawn. ``true`` and ``given``: (cells,),
    the labels of a cell, of which ``labels`` stands for an answer without one.
    """

    weights: Any
    true: Any
    given: Any
    labels: int

    @cached_property
    def hits(self) -> Any:
        """Right rows of each label: (samples, labels)."""
        return self.weights @ (self._true * self._given)

    @cached_property
    def support(self) -> Any:
        """True rows of each label: (samples, labels)."""
        return self.weights @ self._true

    @cached_property
    def predicted(self) -> Any:
        """Rows that were given each label: (samples, labels)."""
        return self.weights @ self._given

    @cached_property
    def rows(self) -> Any:
        """All rows: (samples,)."""
        return self.support.sum(axis=1)

    @cached_property
    def unparsed(self) -> Any:
        """Rows whose answer has no label: (samples,)."""
        return self.rows - self.predicted.sum(axis=1)

    @cached_property
    def confusion(self) -> Any:
        """A row a true label, a column a given one, the last for no label: (samples, labels,
        labels + 1). Large with many labels.
        """
        import numpy as np

        width = self.labels + 1
        cells = np.eye(self.labels * width)[self.true * width + self.given]
        return (self.weights @ cells).reshape(-1, self.labels, width)

    @cached_property
    def _true(self) -> Any:
        import numpy as np

        return np.eye(self.labels)[self.true]

    @cached_property
    def _given(self) -> Any:
        import numpy as np

        return np.eye(self.labels + 1)[self.given][:, : self.labels]


@dataclass(frozen=True)
class Statistic:
    """A number that follows from a confusion matrix.

    ``of`` maps :class:`Counts` to (samples,), NaN where it is not defined. It must not depend on
    how many rows there are, only on their shares. ``why`` says of one sample why it is not
    defined.
    """

    of: Callable[[Counts], Any]
    why: Callable[[Counts], str] = lambda counts: "it is not defined for these rows"
