"""What the label budget of a run shows: found once, kept in the run folder, and read by faces."""

from collections import Counter
from collections.abc import Iterator

from tunelab.config import fingerprint, make_study
from tunelab.evaluation.label_budget.answers import BudgetCell
from tunelab.evaluation.label_budget.found import (
    BudgetSize,
    LabelBudget,
    LeftOut,
    find_budget,
    read_budget,
)
from tunelab.evaluation.label_budget.race_record import Race
from tunelab.runs.run_folder import RunFolder, once
from tunelab.runs.verdicts import BUDGET
from tunelab.study.judging.kept import Kept
from tunelab.study.label_budget.answers import answers_of, cell_of, groups, raced, right_rows
from tunelab.study.label_budget.plan import BudgetPlan, read_plan

# Part of the key: raised when something else is found in the same answers than before.
_FORMAT = 1


def judge_budget(run: RunFolder) -> LabelBudget | None:
    """A stage of a study: find what the label budget shows, and keep it, unless it is there.

    None where the study has no label budget, or nothing of it was begun.

    Raises:
        RunError: a file that it reads is damaged, or the folder cannot be written.
    """
    return None if run.budget_plan is None else _KEPT.load_or_find(run, must_be_kept=True)


@once
def budget_of(run: RunFolder) -> LabelBudget | None:
    """What a run keeps of its label budget; found now where it keeps nothing, or of other answers.

    Raises:
        RunError: a file that it reads is damaged.
    """
    return None if run.budget_plan is None else _KEPT.load_or_find(run, must_be_kept=False)


def budget_key(run: RunFolder) -> str | None:
    """The hash of all that decides what the label budget shows, None where there is none."""
    return None if run.budget_plan is None else _key(run)


def _find(run: RunFolder) -> LabelBudget:
    study, plan = make_study(run.study), _plan(run)
    right = {cell_of(plan, result): right_rows(result) for result in run.budget_trainings}
    tuned, others = groups(plan, run.budget_trainings)
    race = None
    if study.budget is not None and study.budget.stop == "decided" and right:
        failed = {one["classifier"] for one in (run.budget_plan or {})["failed"]}
        race = raced(study, plan, run.budget_trainings, right, failed)
    return find_budget(
        answers_of(plan, right),
        [BudgetSize(*size) for size in _sizes(plan)],
        tuned=tuned,
        others=others,
        race=race,
        left_out=list(_left_out(run, plan, set(right), race)),
        seed=study.seed,
    )


def _sizes(plan: BudgetPlan) -> Iterator[tuple[int | str, float, int, int, dict[str, int]]]:
    for size, mean, rows, draws, short in zip(
        plan.sizes, plan.rows_a_label, plan.rows, plan.draws, plan.short, strict=True
    ):
        yield size, mean, rows, draws, dict(short)


def _left_out(
    run: RunFolder, plan: BudgetPlan, done: set[BudgetCell], race: Race | None
) -> Iterator[LeftOut]:
    """The trainings that were not done: they failed, were not needed, or are still to come."""
    failed = {
        BudgetCell(one["classifier"], one["size"], one["draw"]): f"it failed: {one['error']}"
        for one in (run.budget_plan or {})["failed"]
    }
    spared = {
        cell: one.reason for one in (race.undone if race is not None else ()) for cell in one.cells
    }
    reasons = {**spared, **failed}
    missing = Counter(
        (cell.classifier, plan.sizes[cell.size], reasons.get(cell, "not trained yet"))
        for cell in plan.cells()
        if cell not in done
    )
    for (classifier, size, reason), trainings in missing.items():
        yield LeftOut(classifier, size, trainings, reason)


def _plan(run: RunFolder) -> BudgetPlan:
    return read_plan((run.budget_plan or {})["plan"])


def _key(run: RunFolder) -> str:
    """The hash of all that decides: what was planned, what failed, and the answers."""
    study = make_study(run.study)
    return fingerprint(
        {
            "format": _FORMAT,
            "budget": None if study.budget is None else study.budget.model_dump(),
            "plan": run.budget_plan,
            "seed": study.seed,
            # Without the times of the trainings, which decide nothing.
            "trainings": [
                [result.name, result.hash, result.files] for result in run.budget_trainings
            ],
        }
    )


_KEPT = Kept(BUDGET, _key, _find, read_budget)
