"""What a sweep may seek: scores on the held-out rows, and what a training costs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from tunelab.config import Study
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.metrics.training_numbers import TRAINING_NUMBERS
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import estimate
from tunelab.memory.training_step import answering_with, step_of
from tunelab.registry import check_name
from tunelab.study.resolution import method_of, method_settings


@dataclass(frozen=True)
class Outcome:
    """What a trial is measured by: its study, and the records of its training and its answers."""

    study: Study
    trained: Mapping[str, Any]
    asked: Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """``of`` reads the number from an outcome, None where it is not defined."""

    description: str
    best: Literal["high", "low"]
    of: Callable[[Outcome], float | None]


def find_goals(names: Sequence[str]) -> dict[str, Goal]:
    """The goals of these names.

    Raises:
        UsageError: a name is unknown.
    """
    known = all_goals()
    return {name: known[check_name("goal", name, known)] for name in names}


def _score(name: str) -> Callable[[Outcome], float | None]:
    def of(outcome: Outcome) -> float | None:
        # What reads answers in words is not there where the study does not ask for them.
        value = outcome.asked["metrics"].get(name, {}).get("value")
        return None if value is None else float(value)

    return of


def _number(name: str) -> Callable[[Outcome], float | None]:
    return lambda outcome: TRAINING_NUMBERS[name].of(outcome.trained)


def _best_loss(outcome: Outcome) -> float | None:
    value = outcome.trained.get("best_loss")
    return None if value is None else float(value)


def _estimated_peak(outcome: Outcome) -> float | None:
    record = outcome.trained
    if not outcome.study.methods:
        return None
    entry = outcome.study.methods[0]
    longest = int(record["lengths"]["longest"])
    share = float(record["lengths"]["trained_share"])
    step = step_of(
        outcome.study.training,
        length=longest,
        prefix=int(record["prefix"]),
        answer=max(1, math.ceil(share * longest)),
        packed=bool(record["packed"]),
        precision=str(record["precision"]),
        device=str(record["device"]),
    )
    shape = _shape(str(record["model"]))
    step = answering_with(step, entry.answers)
    return float(estimate(shape, method_of(entry), method_settings(entry), step).peak)


@cache
def _shape(model: str) -> Any:
    return shape_by_name(model)


# Shares follow from numbers that are goals; what a process held at most is not that of one trial
# where it ran others before.
_NO_GOALS = {"trainable_share", "training_bytes_share", "peak_bytes"}


@cache
def all_goals() -> Mapping[str, Goal]:
    """Every goal by its name: each metric of answers, and what a training costs."""
    return {
        **{
            name: Goal(metric.title, metric.best, _score(name))
            for name, metric in all_metrics().items()
        },
        "best_loss": Goal("lowest validation loss, in nats a token or label", "low", _best_loss),
        **{
            name: Goal(metric.description, "low", _number(name))
            for name, metric in TRAINING_NUMBERS.items()
            if name not in _NO_GOALS
        },
        "estimated_peak_bytes": Goal(
            "bytes that a training step holds at its highest, by the formulas of the estimate",
            "low",
            _estimated_peak,
        ),
    }
