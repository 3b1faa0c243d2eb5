"""What a classifier costs: the numbers that a decision weighs and that constraints speak of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tunelab.evaluation.sides import Side
from tunelab.numbers import data_size, duration
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder

# Costs that differ by less than this share count as the same.
_ALIKE = 0.2


@dataclass(frozen=True)
class Cost:
    """One cost: its name in studies and records, what it is, and where a record of facts has it.

    ``noun`` is what sentences call it, ``unit`` follows a shown value. Costs up to ``small`` count
    as the same, as they hardly ever matter.
    """

    id: str
    noun: str
    fact: str
    unit: str
    small: float

    def like(self, lowest: float) -> float:
        """The highest value that counts as the same as the lowest one."""
        return max(self.small, lowest * (1 + _ALIKE))

    def show(self, value: float) -> str:
        """A value with its unit."""
        if self.id == "milliseconds":
            return f"{value:,.0f} {self.unit}" if value >= 100 else f"{value:.3g} {self.unit}"
        if self.id == "train_seconds" and not value:
            return "no training"
        shown = duration(value) if self.id == "train_seconds" else data_size(value)
        return f"{shown} {self.unit}"


# In the order in which they decide between classifiers that the rows do not tell apart.
COSTS = (
    Cost("milliseconds", "the time for one text", "median_ms", "ms a text", 10.0),
    Cost("train_seconds", "the time of the training", "train_seconds", "to train", 60.0),
    Cost("bytes", "the size on disk", "bytes", "on disk", 1e8),
    Cost("memory", "the memory to answer", "memory_bytes", "of memory", 1e8),
)
# Memory is a limit and no order: most classifiers fit.
DECIDING = COSTS[:3]


def costs_of(run: RunFolder, side: Side) -> dict[str, float | None]:
    """Each cost of a classifier in the mean of its seeds, and ``trained_parameters``.

    None where it was not measured. Where the run has no facts of its classifiers, as an older
    version wrote it, the training's own record gives the time and the parameters.
    """
    facts = {result.name: result.values for result in run.measured}
    records = [facts[one.name] for one in side.asked if one.name in facts]
    if len(records) == len(side.asked):
        found = {cost.id: _mean(records, cost.fact) for cost in COSTS}
        return {**found, "trained_parameters": _mean(records, "trained_parameters")}
    unknown: dict[str, float | None] = dict.fromkeys((cost.id for cost in COSTS), None)
    if not side.trained:
        # What is asked as it is was not trained at all; a training that is not in this run
        # may have been.
        trained = any(result.values.get("method") is not None for result in side.asked)
        zero = None if trained else 0.0
        return {**unknown, "train_seconds": zero, "trained_parameters": zero}
    return {
        **unknown,
        "train_seconds": _mean(_values(side.trained), "seconds"),
        "trained_parameters": _mean(_values(side.trained), "trainable_parameters"),
    }


def _values(results: Sequence[Result]) -> list[Mapping[str, Any]]:
    return [result.values for result in results]


def _mean(records: Sequence[Mapping[str, Any]], name: str) -> float | None:
    found = [record.get(name) for record in records]
    known = [float(value) for value in found if value is not None]
    return fmean(known) if known and len(known) == len(found) else None
