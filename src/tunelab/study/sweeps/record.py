"""What a sweep leaves behind: ``sweep.json``, from which tables and figures are made."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.study.sweeps.goals import Goal
from tunelab.study.sweeps.ranking import Trial, front, rank, winner
from tunelab.study.sweeps.space import Axis, Choices, to_value

VERSION = 1
RECORD = "sweep.json"


def make_record(
    *,
    name: str,
    identity: str,
    total: int,
    axes: Sequence[Axis],
    goals: Mapping[str, Goal],
    default: Mapping[str, Any],
    rows: Mapping[str, int],
    pruned: bool,
    trials: Sequence[Trial],
    importance: Mapping[str, Any],
    comparison: Mapping[str, Any],
) -> dict[str, Any]:
    """The record as JSON values. ``default`` holds the study's own value of each key."""
    leading = {trial.number for trial in front(trials, goals)}
    best = winner(trials, goals)
    return {
        "version": VERSION,
        "name": name,
        "hash": identity,
        "total": total,
        "goals": [
            {"name": key, "description": goal.description, "best": goal.best}
            for key, goal in goals.items()
        ],
        "keys": [_key(axis, default[axis.key]) for axis in axes],
        "rows": dict(rows),
        "pruning": pruned,
        "trials": [
            {
                "rank": position if trial.goals is not None else None,
                "number": trial.number,
                "state": trial.state,
                "front": trial.number in leading,
                "goals": None if trial.goals is None else dict(trial.goals),
                "values": dict(trial.values),
                "default": dict(trial.values) == dict(default),
                "measured": dict(trial.measured),
                "seconds": trial.seconds,
                "attempt": trial.attempt,
                "reason": trial.reason,
            }
            for position, trial in enumerate(rank(trials, goals), start=1)
        ],
        "winner": None
        if best is None
        else {"number": best.number, "values": dict(best.values), "goals": dict(best.goals or {})},
        "importance": dict(importance),
        "comparison": dict(comparison),
    }


def _key(axis: Axis, default: Any) -> dict[str, Any]:
    if isinstance(axis, Choices):
        choices = [to_value(axis, text) for text in axis.values]
        return {"key": axis.key, "default": default, "choices": choices}
    return {
        "key": axis.key,
        "default": default,
        "low": to_value(axis, axis.low),
        "high": to_value(axis, axis.high),
        "log": axis.log,
    }
