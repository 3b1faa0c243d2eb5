"""How the share of wrong answers falls as fewer rows are kept, the surest first.

Rows of the same confidence have no order: each part of them counts with their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Points of a curve that is drawn.
_POINTS = 100
# Rows that a person may look at, as far as there are so many.
_SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


@dataclass(frozen=True)
class RiskCoverage:
    """``risk`` is the share of wrong answers among the ``coverage`` share of the surest rows.

    ``area`` is the mean risk over all coverages, ``least`` that of a confidence which puts every
    wrong answer behind every right one, ``excess`` their difference, and ``chance`` that of a
    confidence without any sense, which is the error rate. None where there are no rows.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float | None
    least: float | None
    excess: float | None
    chance: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Caught:
    """What a person finds who looks at the ``rows`` least sure answers: ``found`` wrong ones.

    There are ``wrong`` in all ``of`` rows; rows that are drawn at random would hold ``at_random``
    in the mean.
    """

    rows: int
    of: int
    found: float
    wrong: int
    at_random: float


def risk_coverage(
    confidence: "Sequence[float] | np.ndarray", right: "Sequence[bool] | np.ndarray"
) -> RiskCoverage:
    """The curve of rows, and the area below it.

    ``confidence``: (rows,), ``right``: (rows,), whether the answer is the true label.

    Source: Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers, 2019 (AURC and its excess).

    Raises:
        ValueError: the lengths differ.
    """
    import numpy as np

    wrong = wrong_among(confidence, right)
    rows = len(wrong)
    if not rows:
        return RiskCoverage((), (), None, None, None, None, "there are no rows")
    counts = np.arange(1, rows + 1)
    total = round(float(wrong[-1]))
    area = float((wrong / counts).mean())
    least = float((np.maximum(0, counts - (rows - total)) / counts).mean())
    shown = np.unique(np.linspace(1, rows, min(rows, _POINTS)).round().astype(int))
    return RiskCoverage(
        coverage=tuple((shown / rows).tolist()),
        risk=tuple((wrong[shown - 1] / shown).tolist()),
        area=area,
        least=least,
        excess=area - least,
        chance=total / rows,
    )


def wrong_among(
    confidence: "Sequence[float] | np.ndarray", right: "Sequence[bool] | np.ndarray"
) -> "np.ndarray":
    """Wrong answers among the 1, 2, … surest rows, array (rows,).

    Raises:
        ValueError: the lengths differ.
    """
    import numpy as np

    if len(confidence) != len(right):
        raise ValueError("there must be one confidence for each row")
    sure = np.asarray(confidence, dtype=float)
    order = np.argsort(-sure, kind="stable")
    wrong = ~np.asarray(right, dtype=bool)[order]
    _, group, sizes = np.unique(-sure[order], return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=wrong, minlength=len(sizes)) / np.maximum(sizes, 1)
    found: np.ndarray = np.cumsum(mean[group]) if len(sure) else np.zeros(0)
    return found


def caught_by_review(
    confidence: "Sequence[float] | np.ndarray", right: "Sequence[bool] | np.ndarray"
) -> list[Caught]:
    """What a person finds in some numbers of the least sure rows."""
    wrong = wrong_among(confidence, right)
    rows = len(wrong)
    if not rows:
        return []
    total = float(wrong[-1])
    return [
        Caught(
            rows=size,
            of=rows,
            found=total - float(wrong[rows - size - 1]),
            wrong=round(total),
            at_random=size * total / rows,
        )
        for size in _SIZES
        if size < rows
    ]
