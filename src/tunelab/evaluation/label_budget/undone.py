"""The trainings that a race leaves out, and why."""

from collections.abc import Iterator, Sequence

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.race_record import State, Undone
from tunelab.evaluation.label_budget.two_way import FEW_DRAWS, LEAST_DRAWS
from tunelab.numbers import counted


def undone(
    answers: BudgetAnswers,
    left: Sequence[str],
    best: State,
    pays: tuple[State, int] | None,
) -> Iterator[Undone]:
    """What a race leaves out, for each classifier and size.

    Args:
        answers: what was done.
        left: the classifiers that can still be the best.
        best: how the question of the best stands.
        pays: how the question of fine-tuning stands, and the position of the size that it stands
            at; None where it is not asked.
    """
    for size in reversed(range(len(answers.sizes))):
        for name in answers.classifiers:
            cells = tuple(
                cell
                for draw in range(answers.draws[size])
                if (cell := BudgetCell(name, size, draw)) not in answers.right
            )
            if cells:
                reason = _why(answers, size, name, left, best, pays)
                yield Undone(name, answers.sizes[size], cells, reason)


def _why(
    answers: BudgetAnswers,
    size: int,
    name: str,
    left: Sequence[str],
    best: State,
    pays: tuple[State, int] | None,
) -> str:
    largest = size == len(answers.sizes) - 1
    if largest and name not in left:
        return "another classifier is better at the largest size"
    if largest and best == "decided":
        return "which classifier is best is decided"
    if largest:
        return limit_of(answers, size, False)
    state, position = pays or ("decided", size)
    if size > position or state == "decided":
        return "no open question needs more draws of this size"
    if size == position:
        return limit_of(answers, size, False)
    return "whether fine-tuning pays at fewer labels depends on a larger size that is not decided"


def limit_of(answers: BudgetAnswers, size: int, all_done: bool) -> str:
    """Why more draws of a size would not tell two classifiers apart."""
    reason = too_little(answers, size)
    if reason is not None:
        return reason
    rows = counted(next(iter(answers.right.values())).shape[0] if answers.right else 0, "test row")
    if all_done:
        return f"all {counted(answers.draws[size], 'draw')} and {rows} show no difference"
    return f"more draws are not likely to decide it, as the {rows} stay the same"


def too_little(answers: BudgetAnswers, size: int) -> str | None:
    """Why nothing can be told at a size, however many of its draws are done."""
    if 1 < answers.draws[size] < LEAST_DRAWS:
        return FEW_DRAWS
    return None if answers.clusters is None else answers.clusters.too_few()
