"""Run the trainings of a label budget, and keep what they answered."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunelab.classifiers.contract import Estimator
from tunelab.config import Study
from tunelab.errors import RunError, TunelabError
from tunelab.evaluation.label_budget.answers import BudgetCell
from tunelab.numbers import duration, number
from tunelab.runs.results import Result
from tunelab.study.cell_list import estimators
from tunelab.study.engines.local import Engine
from tunelab.study.label_budget.answers import (
    answers_of,
    asked_rows,
    clusters_of_rows,
    raced,
    right_rows,
)
from tunelab.study.label_budget.plan import BudgetPlan
from tunelab.study.label_budget.training import DrawTraining
from tunelab.study.prepare import PreparedData

_log = logging.getLogger(__name__)


@dataclass
class BudgetRun:
    """What was trained so far of a plan: the results, and why a training failed."""

    plan: BudgetPlan
    done: dict[BudgetCell, Result] = field(default_factory=dict)
    failed: dict[BudgetCell, TunelabError] = field(default_factory=dict)

    @property
    def results(self) -> list[Result]:
        """The results in the order of the plan, whichever came first."""
        return [self.done[cell] for cell in self.plan.cells() if cell in self.done]

    def tried(self, cell: BudgetCell) -> bool:
        """Whether a training was done, or has failed."""
        return cell in self.done or cell in self.failed

    @property
    def failure(self) -> TunelabError | None:
        """One error for all trainings that failed, None where none did."""
        if not self.failed:
            return None
        first, reason = next(iter(self.failed.items()))
        others = f" ({len(self.failed) - 1} more failed)" if len(self.failed) > 1 else ""
        return RunError(f"{self.plan.in_words(first)}: {reason}{others}")

    def to_dict(self) -> dict[str, Any]:
        """What the index of a run keeps: the plan, and the trainings that failed."""
        return {
            "plan": self.plan.to_dict(),
            "failed": [
                {
                    "classifier": cell.classifier,
                    "size": cell.size,
                    "draw": cell.draw,
                    "error": str(error),
                }
                for cell, error in self.failed.items()
            ],
        }


def run_budget(
    study: Study,
    plan: BudgetPlan,
    data: PreparedData,
    out: Path,
    engine: Engine,
    evaluated: Sequence[Result] = (),
) -> Iterator[BudgetRun]:
    """Do the trainings of a plan, and give what there is after each one.

    A training that fails is told of, and the others go on. With ``stop`` of decided, those to do
    next are chosen by what was answered so far, until nothing is open. ``evaluated``: what the
    classifiers answered that are asked as they are, with which the others are compared.
    """
    run = BudgetRun(plan)
    untracked = _untracked(study)
    decides = study.budget is not None and study.budget.stop == "decided"
    choose = _still_open(study, evaluated) if decides else _all_of
    while batch := choose(run):
        yield from _run_batch(untracked, run, batch, data, out, engine)


def _all_of(run: BudgetRun) -> list[BudgetCell]:
    """The trainings that were not tried yet."""
    return [cell for cell in run.plan.cells() if not run.tried(cell)]


def _still_open(
    study: Study, evaluated: Sequence[Result]
) -> Callable[[BudgetRun], list[BudgetCell]]:
    """What gives the trainings on which an answer still depends."""
    right: dict[BudgetCell, Any] = {}

    def choose(run: BudgetRun) -> list[BudgetCell]:
        for cell in run.done.keys() - right.keys():
            right[cell] = right_rows(run.done[cell])
        failed = {cell.classifier for cell in run.failed}
        answers = answers_of(
            run.plan, right, asked_rows(run.plan, evaluated), clusters_of_rows(run.results)
        )
        found = raced(study, run.plan, run.results, answers, failed)
        return [] if found is None else list(found.next)

    return choose


def _run_batch(
    study: Study,
    run: BudgetRun,
    batch: Sequence[BudgetCell],
    data: PreparedData,
    out: Path,
    engine: Engine,
) -> Iterator[BudgetRun]:
    plan, before = run.plan, len(run.done) + len(run.failed)
    made: dict[int, dict[str, Estimator]] = {}
    works = {
        work.name: (cell, work)
        for number, cell in enumerate(batch, start=before + 1)
        for work in [_work(study, plan, cell, made, title=_title(plan, cell, number))]
    }
    for outcome in engine(study, [work for _, work in works.values()], data, out):
        cell, work = works[outcome.cell.name]
        if outcome.error is None:
            run.done[cell] = outcome.results[0]
            _log.info("%s: %s", work.title, _told(outcome.results[0].values))
        else:
            run.failed[cell] = outcome.error
            _log.error("%s: %s", work.title, outcome.error)
        yield run


def _work(
    study: Study,
    plan: BudgetPlan,
    cell: BudgetCell,
    made: dict[int, dict[str, Estimator]],
    *,
    title: str,
) -> DrawTraining:
    """A training for an engine; ``made`` holds the classifiers that were made, by seed."""
    # Each draw is another training as well: the spread over draws is that of rows and seeds.
    seed = (study.training.seeds[0] + cell.draw) % 2**32
    if seed not in made:
        made[seed] = estimators(study, seed=seed)
    return DrawTraining(
        name=plan.named(cell),
        classifier=cell.classifier,
        size=plan.sizes[cell.size],
        draw=cell.draw,
        seed=seed,
        estimator=made[seed][cell.classifier],
        title=title,
    )


def _title(plan: BudgetPlan, cell: BudgetCell, number: int) -> str:
    return f"budget {number} of {plan.trainings}: {plan.in_words(cell)}"


def _told(values: Mapping[str, Any]) -> str:
    accuracy = values["right"] / values["asked"]
    seconds = values.get("train_seconds")
    trained = "" if seconds is None else f", trained in {duration(seconds)}"
    return f"accuracy {number(accuracy)}{trained}"


def _untracked(study: Study) -> Study:
    """The study as its budget is run: followed by no tracker."""
    return study.model_copy(update={"training": study.training.model_copy(update={"tracking": []})})
