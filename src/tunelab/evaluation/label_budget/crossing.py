"""From how many labelled rows one classifier is better than another."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.curves import Over

# "crosses": the second one overtakes the first within the sizes; "ahead": it is ahead at every size
# measured; "behind": it is behind at the largest.
Course = Literal["crosses", "ahead", "behind", "undefined"]


@dataclass(frozen=True)
class Crossing:
    """The rows a label at which ``second`` overtakes ``first`` for good.

    ``size`` is None where the measured curves do not cross, with the ``reason``. ``low`` and
    ``high`` are the 95 % interval; a None is an open end, below the ``smallest`` size or above the
    ``largest``. ``over`` says what the interval allows for. ``sentence`` tells it in words.
    """

    first: str
    second: str
    course: Course
    size: float | None
    low: float | None
    high: float | None
    smallest: float | None
    largest: float | None
    over: Over | None
    sentence: str
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The crossing as JSON values."""
        return asdict(self)


def crossing(answers: BudgetAnswers, first: str, second: str) -> Crossing:
    """At how many rows a label ``second`` overtakes ``first``."""
    raise NotImplementedError
