"""Accuracy against the number of labelled rows, with intervals over draws and test rows."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.statistics.estimates import Difference, Estimate

# What an interval allows for: other draws of the training rows and other test rows, or, where one
# draw was done, other test rows alone.
Over = Literal["draws and rows", "rows"]


@dataclass(frozen=True)
class CurvePoint:
    """The accuracy of a classifier at one size.

    ``size`` is in rows a label, ``draws`` of the ``planned`` ones were done, ``rows`` are the test
    rows. ``over`` says what the interval of the accuracy allows for, None where there is none.
    ``sd`` is the standard deviation of the accuracies of the draws, None for fewer than two.
    """

    classifier: str
    size: float
    draws: int
    planned: int
    rows: int
    accuracy: Estimate
    over: Over | None
    sd: float | None

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON values."""
        return asdict(self)


def curve(answers: BudgetAnswers, classifier: str) -> tuple[CurvePoint, ...]:
    """The accuracy of a classifier at each size, smallest first."""
    raise NotImplementedError


def difference(answers: BudgetAnswers, first: str, second: str, size: int) -> Difference:
    """Accuracy of ``first`` minus that of ``second`` at a position in ``answers.sizes``."""
    raise NotImplementedError
