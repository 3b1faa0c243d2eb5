"""Sweep a study: trials until there are enough, then the winner against the study's own setting."""

import json
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_room import check_answers
from tunelab.config import Study, fingerprint
from tunelab.errors import RunError
from tunelab.models.loading import model_hash
from tunelab.runs.results import write_json, write_text
from tunelab.runs.stages import FORMAT, open_folder
from tunelab.study.environment import describe_environment
from tunelab.study.feasibility import check_feasible
from tunelab.study.prepare import PreparedData, prepare
from tunelab.study.sweeps.description import Sweep
from tunelab.study.sweeps.final import compare_with_default
from tunelab.study.sweeps.goals import Goal, find_goals
from tunelab.study.sweeps.importance import importances
from tunelab.study.sweeps.ranking import read_trials, winner
from tunelab.study.sweeps.record import RECORD, make_record
from tunelab.study.sweeps.rows import counts, hold_out_rows
from tunelab.study.sweeps.settings import (
    Searched,
    check_edges,
    check_space,
    deciding,
    find_searched,
    value_of,
    with_one_entry,
)
from tunelab.study.sweeps.space import Axis, Stored, parse_space, to_stored
from tunelab.study.sweeps.storage import Store, check_storage, open_store
from tunelab.study.sweeps.trial import TrialPlan, run_trial
from tunelab.study.sweeps.worker import Worker, open_optuna_study

_log = logging.getLogger(__name__)
_WAIT = 1.0


def run_sweep(
    study: Study,
    sweep: Sweep,
    out: Path,
    *,
    storage: str | None = None,
    grace: float = 60.0,
    search_only: bool = False,
) -> dict[str, Any]:
    """Run trials until ``sweep.trials`` are there, compare the winner, and return the record.

    The same call goes on where a killed one was. With a ``storage`` that is shared (see
    :mod:`tunelab.study.sweeps.storage`), workers with other folders take part; one of them waits
    for the others and compares, those that ``search_only`` do not.

    Raises:
        UsageError: a key, a goal or a value does not fit; nothing was begun.
        RunError: no trial was completed, or the storage cannot be reached.
    """
    searched, axes = find_searched(study, sweep.method), parse_space(sweep.space)
    goals = find_goals(sweep.goals)
    check_space(study, searched, axes)
    check_storage(storage)
    prune = sweep.prune and len(goals) == 1
    if sweep.prune and not prune:
        _log.info("no trial is pruned, as the sweep has several goals.")
    with open_folder(out, study), ExitStack() as stack:
        write_json(out / "environment.json", describe_environment())
        data = prepare(study.data, seed=study.seed, out=out)
        rows = hold_out_rows(data, sweep.hold_out, study.seed)
        check_feasible(with_one_entry(study, searched, seeds=[0]))
        check_answers(with_one_entry(study, searched, seeds=[0]), rows.labels)
        check_edges(study, searched, axes)
        identity = _identity(study, searched, sweep, rows)
        default = {axis.key: value_of(study, axis.key) for axis in axes}
        store = stack.enter_context(_opened(storage, out))
        worker = Worker(
            study=open_optuna_study(
                store,
                f"{study.name}-{identity[:12]}",
                [goal.best for goal in goals.values()],
                prune=prune,
            ),
            store=store,
            axes=axes,
            total=sweep.trials,
            seed=study.seed,
            name=_name_of(out),
            grace=grace,
            first=_first(axes, default),
        )
        plan = TrialPlan(study, searched, axes, goals, rows, prune, out / "trials")

        def keep(comparison: Mapping[str, Any]) -> dict[str, Any]:
            record = make_record(
                name=study.name,
                identity=identity,
                total=sweep.trials,
                axes=axes,
                goals=goals,
                default=default,
                rows=counts(data, rows),
                pruned=prune,
                trials=read_trials(worker.study, axes, list(goals)),
                importance=importances(worker.study, list(goals), study.seed),
                comparison=comparison,
            )
            write_json(out / RECORD, record)
            return record

        _search(worker, plan, wait=not search_only)
        if search_only:
            return keep({"reason": "this worker searches only"})
        return keep(_compare(worker, plan, goals, default, sweep, out))


@contextmanager
def _opened(storage: str | None, out: Path) -> Iterator[Store]:
    store = open_store(storage, out)
    try:
        yield store
    finally:
        store.close()


def _search(worker: Worker, plan: TrialPlan, *, wait: bool) -> None:
    """Run trials until all are taken, and with ``wait`` until those of others have ended too."""
    while True:
        trial = worker.take()
        if trial is not None:
            run_trial(worker, trial, plan)
        elif wait and worker.others_at_work():
            time.sleep(_WAIT)
        else:
            return


def _compare(
    worker: Worker,
    plan: TrialPlan,
    goals: Mapping[str, Goal],
    default: Mapping[str, Any],
    sweep: Sweep,
    out: Path,
) -> dict[str, Any]:
    trials = read_trials(worker.study, plan.axes, list(goals))
    best = winner(trials, goals)
    if best is None:
        first = next((trial.reason for trial in trials if trial.reason), "none was begun")
        raise RunError(f"no trial was completed: {first}")
    if dict(best.values) == dict(default):
        return {"reason": "the study's own setting won, so there is nothing to compare it with"}
    return compare_with_default(plan.study, plan.searched, best.values, sweep.seeds, out)


def _first(axes: Sequence[Axis], default: Mapping[str, Any]) -> dict[str, Stored] | None:
    """The study's own setting, where the space holds it."""
    stored = {axis.key: to_stored(axis, default[axis.key]) for axis in axes}
    found = {key: value for key, value in stored.items() if value is not None}
    return found if len(found) == len(axes) else None


def _identity(study: Study, searched: Searched, sweep: Sweep, rows: PreparedData) -> str:
    """What workers must have in common to share trials; the number of trials may be raised."""
    decides = deciding(study, searched)
    # A model is known by its weights, wherever a worker has them.
    model = decides.pop("model", None)
    return fingerprint(
        {
            "format": FORMAT,
            "study": {**decides, "model": None},
            "model": None if model is None else model_hash(str(model)),
            "rows": rows.hash,
            "seeds": [study.seed, study.training.seeds[0]],
            "sweep": sweep.model_dump(include={"space", "goals", "prune"}),
        }
    )


def _name_of(out: Path) -> str:
    """The name of a folder's worker, drawn when the folder is new."""
    path = out / "worker.json"
    if path.is_file():
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["name"])
        except (ValueError, KeyError):
            _log.debug("%s is damaged and written anew", path)
    name = uuid.uuid4().hex
    write_text(path, json.dumps({"name": name}) + "\n")
    return name
