"""The methods of a run side by side: what each scored, and what it cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tunelab.evaluation.metrics.training_numbers import TRAINING_NUMBERS
from tunelab.evaluation.sides import Side, grouped_sides
from tunelab.evaluation.statistics.seeds import across_seeds, summarize
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, once


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class MethodRow:
    """One method: its scores, and what it cost in the mean of its seeds.

    ``share`` is the share of the parameters that is trained. Bytes and seconds are None where
    they were not measured. ``doubts`` say why times or memory are not those of the training alone.
    """

    name: str
    method: str
    settings: dict[str, Any]
    seeds: int
    accuracy: Interval
    f1_macro: Interval
    trainable: float
    share: float
    adapter_bytes: float | None
    peak_bytes: float | None
    seconds_per_step: float | None
    seconds_to_best: float | None
    seconds: float | None
    doubts: tuple[str, ...] = ()


@once
def methods_of(run: RunFolder) -> list[MethodRow]:
    """A row for each method that was trained and asked, in the order of the study."""
    return [_row(side) for side in grouped_sides(run) if side.method is not None and side.trained]


def _row(side: Side) -> MethodRow:
    def mean(metric: str) -> float | None:
        return _mean(side.trained, TRAINING_NUMBERS[metric].of)

    record = side.trained[0].values
    return MethodRow(
        name=side.name,
        method=str(record["method"]),
        settings=dict(record["settings"]),
        seeds=len(side.trained),
        accuracy=_score(side, "accuracy"),
        f1_macro=_score(side, "f1_macro"),
        trainable=mean("trainable_parameters") or 0.0,
        share=mean("trainable_share") or 0.0,
        adapter_bytes=mean("adapter_bytes"),
        peak_bytes=mean("peak_bytes"),
        seconds_per_step=mean("seconds_per_step"),
        seconds_to_best=mean("seconds_to_best"),
        seconds=mean("training_seconds"),
        doubts=tuple(_doubts(side)),
    )


def _doubts(side: Side) -> list[str]:
    numbers = TRAINING_NUMBERS.values()
    found = [one.doubt(result.values) for result in side.trained for one in numbers]
    return list(dict.fromkeys(doubt for doubt in found if doubt is not None))


def _score(side: Side, metric: str) -> Interval:
    """Over several seeds the interval of other seeds on other rows, else that of other rows.

    Macro-F1 over seeds has the interval of other seeds on these rows.
    """
    if len(side.asked) == 1:
        values = side.asked[0].values
        known = values["intervals"][metric]
        return Interval(values["scores"][metric], known["low"], known["high"])
    if metric != "accuracy":
        scores = [result.values["scores"][metric] for result in side.asked]
        if any(score is None for score in scores):
            return Interval(None, None, None)
        found = summarize(scores, bounds=(0.0, 1.0))
    else:
        found = across_seeds(side.correct, side.clusters).accuracy_anywhere
    return Interval(found.value, found.low, found.high)


def _mean(results: Sequence[Result], of: Callable[[Any], float | None]) -> float | None:
    values = [value for result in results if (value := of(result.values)) is not None]
    return fmean(values) if len(values) == len(results) else None
