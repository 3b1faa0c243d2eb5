"""What the trainings of a label budget answered, as arrays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tunelab.config import Mode, Study
from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.race_record import Race
from tunelab.evaluation.label_budget.racing import race
from tunelab.evaluation.predictions import GROUP
from tunelab.evaluation.statistics.clusters import Clusters, clusters_of
from tunelab.runs.results import Result, read_table, stage_file
from tunelab.runs.run_folder import BUDGET_ANSWERS, predictions
from tunelab.study.label_budget.plan import BudgetPlan

# What each way of answering is called behind the name of a classifier that has several.
WAYS: Mapping[Mode, str] = {"generate": "in words", "score": "likeliest label"}
# The column of each way among the answers of a classifier of the study.
_COLUMNS: Mapping[Mode, str] = {"generate": "generated", "score": "scored"}


def cell_of(plan: BudgetPlan, result: Result) -> BudgetCell:
    """Which training of a plan left a result."""
    values = result.values
    return BudgetCell(
        str(values["classifier"]), plan.sizes.index(values["per_class"]), int(values["draw"])
    )


def right_rows(result: Result, mode: Mode | None = None) -> npt.NDArray[np.bool_]:
    """Whether each test row was answered rightly, array (test rows,).

    ``mode``: by which way of answering, where the classifier was asked in this way; otherwise by
    the one that the study leads with, or the only one.
    """
    table = read_table(stage_file(result, BUDGET_ANSWERS))
    column = mode if mode in table else "predicted"
    right: npt.NDArray[np.bool_] = (table["truth"] == table[column]).to_numpy(dtype=bool)
    return right


def asked_in(results: Sequence[Result], mode: Mode) -> bool:
    """Whether some of the trainings were asked in a way beside the one that the study leads with.

    A classifier is asked alike at all sizes and draws, so that the first result of each tells it.
    """
    first = {str(one.values["classifier"]): one for one in reversed(results)}
    return any(mode in read_table(stage_file(one, BUDGET_ANSWERS)) for one in first.values())


def clusters_of_rows(results: Sequence[Result]) -> Clusters | None:
    """Which test rows belong together; None where all are independent, or nothing was asked."""
    if not results:
        return None
    table = read_table(stage_file(results[0], BUDGET_ANSWERS))
    return (
        clusters_of([str(one) if one == one and one is not None else None for one in table[GROUP]])
        if GROUP in table
        else None
    )


def asked_rows(plan: BudgetPlan, evaluated: Sequence[Result]) -> dict[str, npt.NDArray[np.bool_]]:
    """The right answers of the classifiers that are asked as they are, by each way that they have.

    ``evaluated``: the results of the study's own asking of the same test rows. A name says the way
    where there are several.
    """
    found = {}
    for result in evaluated:
        if result.name not in plan.asked:
            continue
        table, values = predictions(result), result.values
        ways = [
            mode
            for mode in _COLUMNS
            if values.get("generated" if mode == "generate" else "scored") is not None
        ]
        columns = {WAYS[mode]: _COLUMNS[mode] for mode in ways} if len(ways) > 1 else {}
        for way, column in columns.items() or [("", "predicted")]:
            name = f"{result.name} ({way})" if way else result.name
            found[name] = (table["truth"] == table[column]).to_numpy(dtype=bool)
    return found


def answers_of(
    plan: BudgetPlan,
    right: Mapping[BudgetCell, npt.NDArray[np.bool_]],
    asked: Mapping[str, npt.NDArray[np.bool_]] | None = None,
    clusters: Clusters | None = None,
) -> BudgetAnswers:
    """The answers of the trainings that were done, beside those of what is only asked."""
    rows = {len(one) for one in right.values()}
    same = {name: one for name, one in (asked or {}).items() if rows <= {len(one)}}
    return BudgetAnswers(
        plan.classifiers, plan.rows_a_label, plan.draws, dict(right), same, clusters
    )


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
    answers: BudgetAnswers,
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
        answers,
        classifiers=kept,
        right={cell: one for cell, one in answers.right.items() if cell.classifier in kept},
    )
    return race(
        answers,
        tuned=[name for name in tuned if name in kept],
        others=[*(name for name in others if name in kept), *answers.asked],
        margin=study.budget.margin if study.budget is not None else 0.0,
    )
