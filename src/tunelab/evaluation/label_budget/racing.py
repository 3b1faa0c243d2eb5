"""Which trainings still matter for the decision, and when to stop."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
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
    ``margin`` of the best of them. ``left`` are the classifiers that can still be the best.
    ``pays`` is the verdict on fine-tuning, None where the study has only one of the two groups.
    ``undone`` are the trainings that will not be done. ``guarantee`` says what holds, and of what.
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


def race(
    answers: BudgetAnswers,
    *,
    tuned: Sequence[str] = (),
    others: Sequence[str] = (),
    alpha: float = 0.05,
    margin: float = 0.01,
) -> Race:
    """What the trainings done so far decide, and which ones to do next."""
    raise NotImplementedError


@dataclass(frozen=True)
class RowsRace:
    """Classifiers that answer one test row after another, as far as they have come.

    ``over`` tells to stop asking. ``best``, ``alike`` and ``left`` as in :class:`Race`; ``rows``
    were answered by all, of ``planned``. ``gaps`` hold at any moment.
    """

    best: str | None
    alike: tuple[str, ...]
    left: tuple[str, ...]
    over: bool
    rows: int
    planned: int
    gaps: tuple[Gap, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The race as JSON values."""
        return asdict(self)


def rows_race(
    values: Mapping[str, Sequence[float]],
    planned: int,
    *,
    alpha: float = 0.05,
    margin: float = 0.01,
) -> RowsRace:
    """What the rows answered so far decide, and whether to ask for more."""
    raise NotImplementedError
