"""What the label budget of a run shows: found once, kept in the run folder, and read by faces."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from tunelab.config import Mode, Study, fingerprint, make_study
from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
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
from tunelab.study.label_budget.answers import (
    WAYS,
    answers_of,
    asked_in,
    asked_rows,
    cell_of,
    clusters_of_rows,
    groups,
    raced,
    right_rows,
)
from tunelab.study.label_budget.plan import BudgetPlan, read_plan

# Part of the key: raised when something else is found in the same answers than before.
_FORMAT = 2


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
    tuned, others = groups(plan, run.budget_trainings)
    answers, race = _answered(run, study, plan)
    further = [mode for mode in study.evaluation.modes[1:] if asked_in(run.budget_trainings, mode)]
    found = find_budget(
        answers,
        [BudgetSize(*size) for size in _sizes(plan)],
        tuned=tuned,
        others=others,
        race=race,
        left_out=list(_left_out(run, plan, set(answers.right), race)),
        seed=study.seed,
        by_mode={WAYS[mode]: _answered(run, study, plan, mode) for mode in further},
    )
    return replace(found, notes=(*found.notes, *_not_asked(plan, answers)))


def _not_asked(plan: BudgetPlan, answers: BudgetAnswers) -> Iterator[str]:
    """The classifiers that the plan compares with, and that have no answers to all test rows."""
    asked = {name for name in plan.asked for way in answers.asked if _is_of(way, name)}
    missing = [name for name in plan.asked if name not in asked]
    if missing:
        yield (
            f"Not compared with {', '.join(missing)}, which did not answer all test rows: "
            "the findings of the report name the reason."
        )


def _is_of(way: str, name: str) -> bool:
    return way == name or any(way == f"{name} ({one})" for one in WAYS.values())


def _answered(
    run: RunFolder, study: Study, plan: BudgetPlan, mode: Mode | None = None
) -> tuple[BudgetAnswers, Race | None]:
    """The answers by a way of answering, and what they decide where the study stops when it is."""
    trainings = run.budget_trainings
    answers = answers_of(
        plan,
        {cell_of(plan, result): right_rows(result, mode) for result in trainings},
        asked_rows(plan, run.evaluated),
        clusters_of_rows(trainings),
    )
    if study.budget is None or study.budget.stop != "decided" or not answers.right:
        return answers, None
    failed = {one["classifier"] for one in (run.budget_plan or {})["failed"]}
    return answers, raced(study, plan, trainings, answers, failed)


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
    study, asked = make_study(run.study), _plan(run).asked
    return fingerprint(
        {
            "format": _FORMAT,
            "budget": None if study.budget is None else study.budget.model_dump(),
            "plan": run.budget_plan,
            "seed": study.seed,
            # Without the times of the trainings, which decide nothing.
            "trainings": [
                [result.name, result.hash, result.files]
                for result in [
                    *run.budget_trainings,
                    *(one for one in run.evaluated if one.name in asked),
                ]
            ],
            "modes": study.evaluation.modes,
        }
    )


_KEPT = Kept(BUDGET, _key, _find, read_budget)
