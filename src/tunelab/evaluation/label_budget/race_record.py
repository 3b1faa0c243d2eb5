"""What a race over the trainings of a label budget has decided, and what it does next."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetCell
from tunelab.evaluation.label_budget.pays import PaysFrom

# "open": more trainings can decide it. "left open": no training that the study asks for is likely
# to.
State = Literal["decided", "open", "left open"]


@dataclass(frozen=True)
class Standing:
    """How a question stands.

    ``question`` is "best" (which classifier is best at the largest size) or "pays" (from which
    size on fine-tuning pays). ``sentence`` tells the answer, or why there is none.
    """

    question: Literal["best", "pays"]
    state: State
    sentence: str


@dataclass(frozen=True)
class Gap:
    """Accuracy of ``first`` minus that of ``second``, with an interval that holds at any moment.

    ``size`` in rows a label, ``draws`` that both have done. ``low`` and ``high`` are None while too
    few draws are done.
    """

    first: str
    second: str
    size: float
    draws: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Undone:
    """Trainings of one classifier and size that are not needed, and why."""

    classifier: str
    size: float
    cells: tuple[BudgetCell, ...]
    reason: str


@dataclass(frozen=True)
class Race:
    """What is decided, and what to do next.

    ``next`` are the trainings to do before the race is looked at again, in the order in which to
    do them; empty when it is over. ``best`` is the classifier that is better than all others at the
    largest size, None where that is not decided; ``alike`` are those that were found to be within
    ``margin`` of each other, with all others below. ``left`` are the classifiers that can still be
    the best. ``pays`` is the verdict on fine-tuning, None where the study has only one of the two
    groups. ``undone`` are the trainings that will not be done, once the race is over. ``gaps`` are
    those of all pairs at the largest size. ``guarantee`` says what holds, and of what.
    """

    best: str | None
    alike: tuple[str, ...]
    left: tuple[str, ...]
    pays: PaysFrom | None
    questions: tuple[Standing, ...]
    next: tuple[BudgetCell, ...]
    undone: tuple[Undone, ...]
    gaps: tuple[Gap, ...]
    done: int
    planned: int
    alpha: float
    margin: float
    guarantee: str

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not self.next

    def to_dict(self) -> dict[str, Any]:
        """The race as JSON values."""
        return asdict(self) | {"over": self.over}
