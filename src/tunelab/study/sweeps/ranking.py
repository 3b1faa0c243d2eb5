"""The trials of a sweep in order, the front of those that nothing beats, and the winner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.pareto import pareto_front
from tunelab.study.sweeps.goals import Goal
from tunelab.study.sweeps.intact import MEASURED, intact_trials
from tunelab.study.sweeps.space import Axis, to_values


@dataclass(frozen=True)
class Trial:
    """A trial as it is shown.

    ``state``: complete, pruned, failed or running. ``goals``: the values of the sweep's goals, or
    None. ``measured``: every goal that a sweep could have, for those that ended. ``attempt``
    counts how often the setting was begun; ``reason`` says why there are no values.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    goals: Mapping[str, float] | None
    measured: Mapping[str, float | None]
    seconds: float | None
    attempt: int
    reason: str | None


_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


def read_trials(study: Any, axes: Sequence[Axis], goals: Sequence[str]) -> list[Trial]:
    """The trials that count, of Optuna's ``study``, by number.

    Raises:
        RunError: one is not as it was handed in.
    """
    found = []
    for trial in intact_trials(study):
        about, state = trial.user_attrs, _STATES.get(trial.state.name)
        unsettled = len(trial.params) < len(axes)
        if state is None or "withdrawn" in about or "interrupted" in about or unsettled:
            continue
        complete = state == "complete"
        duration = trial.duration
        found.append(
            Trial(
                number=trial.number,
                state=state,
                values=to_values(axes, trial.params),
                goals=dict(zip(goals, trial.values, strict=True)) if complete else None,
                measured=dict(about.get(MEASURED, {})),
                seconds=None if duration is None else duration.total_seconds(),
                attempt=int(about.get("attempt", 1)),
                reason=about.get("reason"),
            )
        )
    return found


def front(trials: Sequence[Trial], goals: Mapping[str, Goal]) -> list[Trial]:
    """The complete trials than which none is better in one goal and at least as good in all."""
    complete = [trial for trial in trials if trial.goals is not None]
    return [
        complete[position] for position in pareto_front([_costs(one, goals) for one in complete])
    ]


def rank(trials: Sequence[Trial], goals: Mapping[str, Goal]) -> list[Trial]:
    """The front first, then the other complete trials, by the goals in turn; then the rest."""
    leading = {trial.number for trial in front(trials, goals)}
    order = list(_STATES.values())
    return sorted(
        trials,
        key=lambda trial: (
            order.index(trial.state),
            trial.number not in leading,
            _costs(trial, goals) if trial.goals is not None else (),
            trial.number,
        ),
    )


def winner(trials: Sequence[Trial], goals: Mapping[str, Goal]) -> Trial | None:
    """Of the front, the best by the first goal; None where no trial is complete."""
    ranked = rank(trials, goals)
    return ranked[0] if ranked and ranked[0].goals is not None else None


def _costs(trial: Trial, goals: Mapping[str, Goal]) -> tuple[float, ...]:
    """The goals as numbers that are better the lower they are."""
    found = trial.goals or {}
    return tuple(
        -found[name] if goal.best == "high" else found[name] for name, goal in goals.items()
    )
