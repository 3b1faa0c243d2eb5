"""One trial: a setting is trained on the rows that are left, and asked the held-out ones."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_room import check_answers
from tunelab.config import Study, fingerprint, to_dict
from tunelab.errors import TunelabError
from tunelab.runs.results import FITTED
from tunelab.runs.stages import open_folder
from tunelab.study.cell_list import cells_of
from tunelab.study.cells import ask_cell, train_cell
from tunelab.study.feasibility import check_feasible
from tunelab.study.prepare import PreparedData
from tunelab.study.sweeps.goals import Goal, Outcome, all_goals
from tunelab.study.sweeps.intact import MEASURED
from tunelab.study.sweeps.settings import Searched, with_one_entry, with_values
from tunelab.study.sweeps.space import Axis, to_values
from tunelab.study.sweeps.worker import PrunedError, Worker
from tunelab.training.checkpoints import remove_checkpoints

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrialPlan:
    """What all trials of a sweep have in common.

    ``searched`` is the entry of the study that varies, ``rows`` are those of trials, and ``folder``
    holds a run folder for each setting.
    """

    study: Study
    searched: Searched
    axes: Sequence[Axis]
    goals: Mapping[str, Goal]
    rows: PreparedData
    prune: bool
    folder: Path


def run_trial(worker: Worker, trial: Any, plan: TrialPlan) -> None:
    """Run a trial and hand it in. One that fails leaves its reason, and the sweep goes on."""
    values = to_values(plan.axes, trial.params)
    shown = ", ".join(f"{key}={value}" for key, value in values.items())
    _log.info("trial %d: %s", trial.number, shown)
    folder: Path | None = None
    try:
        with worker.alive(trial):
            study = _study_of(plan, values)
            folder = plan.folder / fingerprint(to_dict(study), length=12)
            check_feasible(study)
            check_answers(study, plan.rows.labels)
            outcome = _run(study, trial, plan, folder)
            measured = {name: goal.of(outcome) for name, goal in all_goals().items()}
    except TunelabError as error:
        _log.info("trial %d: %s", trial.number, error)
        pruned = isinstance(error, PrunedError)
        worker.finish(trial, None, pruned=pruned, about={"reason": str(error)})
    except Exception as error:
        # What nobody foresaw would meet the next attempt as well.
        worker.finish(trial, None, about={"reason": f"{type(error).__name__}: {error}"})
        raise
    else:
        found = [measured[name] for name in plan.goals]
        missing = [name for name in plan.goals if measured[name] is None]
        about: dict[str, Any] = {MEASURED: measured}
        if missing:
            about["reason"] = f"{missing[0]} is not defined for its answers"
        worker.finish(trial, None if missing else [v for v in found if v is not None], about=about)
    if folder is not None:
        _tidy(folder)


def _study_of(plan: TrialPlan, values: Mapping[str, Any]) -> Study:
    """The study of a trial: one method, one seed, and the way of answering that scores."""
    study = with_one_entry(
        with_values(plan.study, values), plan.searched, seeds=plan.study.training.seeds[:1]
    )
    first = study.evaluation.modes[:1]
    return study.model_copy(
        update={"evaluation": study.evaluation.model_copy(update={"modes": first})}
    )


def _run(study: Study, trial: Any, plan: TrialPlan, folder: Path) -> Outcome:
    (cell,) = cells_of(study)
    callbacks: list[Any] = []
    if plan.prune:
        from tunelab.study.sweeps.pruning import Pruning

        (goal,) = plan.goals.values()
        sign = -1.0 if goal.best == "high" else 1.0
        callbacks.append(Pruning(trial, plan.study.training.evaluate_every, sign))
    with open_folder(folder, study):
        trained = train_cell(cell, plan.rows, folder, callbacks=callbacks)
        asked = ask_cell(study, cell, plan.rows, trained, folder)
    return Outcome(study, trained.values, asked.values)


def _tidy(folder: Path) -> None:
    """Remove what a finished trial no longer needs: its weights. The records stay."""
    for name in FITTED:
        shutil.rmtree(folder / name, ignore_errors=True)
    for stage in (folder / "train").glob("*"):
        remove_checkpoints(stage)
