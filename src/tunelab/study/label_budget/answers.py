"""What the trainings of a label budget answered, as arrays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tunelab.config import Study
from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.race_record import Race
from tunelab.evaluation.label_budget.racing import race
from tunelab.runs.results import Result, read_table, stage_file
from tunelab.runs.run_folder import BUDGET_ANSWERS
from tunelab.study.label_budget.plan import BudgetPlan


def cell_of(plan: BudgetPlan, result: Result) -> BudgetCell:
    """Which training of a plan left a result."""
    values = result.values
    return BudgetCell(
        str(values["classifier"]), plan.sizes.index(values["per_class"]), int(values["draw"])
    )


def right_rows(result: Result) -> npt.NDArray[np.bool_]:
    """Whether each test row was answered rightly, array (test rows,)."""
    table = read_table(stage_file(result, BUDGET_ANSWERS))
    right: npt.NDArray[np.bool_] = (table["truth"] == table["predicted"]).to_numpy(dtype=bool)
    return right


def answers_of(
    plan: BudgetPlan, right: Mapping[BudgetCell, npt.NDArray[np.bool_]]
) -> BudgetAnswers:
    """The answers of the trainings that were done."""
    return BudgetAnswers(plan.classifiers, plan.rows_a_label, plan.draws, dict(right))


def groups(plan: BudgetPlan, results: Sequence[Result]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classifiers of a plan whose weights were trained, and the others, as far as is known."""
    known = {str(one.values["classifier"]): bool(one.values["fine_tuned"]) for one in results}
    return (
        tuple(name for name in plan.classifiers if known.get(name) is True),
        tuple(name for name in plan.classifiers if known.get(name) is False),
    )


def raced(
    study: Study,
    plan: BudgetPlan,
    results: Sequence[Result],
    right: Mapping[BudgetCell, npt.NDArray[np.bool_]],
    failed: Collection[str],
) -> Race | None:
    """What the trainings that were done decide, and which ones to do next.

    Classifiers of which a training has ``failed`` take no part, as the race would wait for them;
    None where no other one is there.
    """
    kept = tuple(name for name in plan.classifiers if name not in failed)
    if not kept:
        return None
    tuned, others = groups(plan, results)
    answers = replace(
        answers_of(plan, {cell: one for cell, one in right.items() if cell.classifier in kept}),
        classifiers=kept,
    )
    return race(
        answers,
        tuned=[name for name in tuned if name in kept],
        others=[name for name in others if name in kept],
        margin=study.budget.margin if study.budget is not None else 0.0,
    )
