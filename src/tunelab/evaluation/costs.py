"""What a classifier costs: the numbers that a decision weighs and that constraints speak of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tunelab.evaluation.sides import Side
from tunelab.numbers import data_size, duration, number
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder

# Costs that differ by less than this share count as the same.
_ALIKE = 0.2


@dataclass(frozen=True)
class Cost:
    """One cost: its name in studies and records, what it is, and where a record of facts has it.

    ``noun`` is what sentences call it. ``shown`` writes a value and ``unit`` follows it; ``none``
    stands for 0, which is not listed where it goes ``without_saying``. Costs up to ``small`` count
    as the same, as they hardly ever matter.
    """

    id: str
    noun: str
    fact: str
    unit: str
    small: float
    shown: Callable[[float], str]
    none: str | None = None
    without_saying: bool = False

    def listed(self, value: float | None) -> bool:
        """Whether a list of costs has it: it is known, and its 0 says something."""
        return value is not None and not (self.without_saying and not value)

    def like(self, lowest: float) -> float:
        """The highest value that counts as the same as the lowest one."""
        return max(self.small, lowest * (1 + _ALIKE))

    def show(self, value: float) -> str:
        """A value with its unit."""
        if not value and self.none is not None:
            return self.none
        return f"{self.shown(value)} {self.unit}"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


# What records call the price of a thousand texts.
PRICE = "price_per_thousand_rows"
# In the order in which they decide between classifiers that the rows do not tell apart. Nobody pays
# for answers that are as good without, so that the price comes first.
COSTS = (
    Cost(
        id="price_per_1000",
        noun="the price of a thousand texts",
        fact=PRICE,
        unit="for a thousand texts",
        small=0.0,
        shown=number,
        none="nothing to pay",
        without_saying=True,
    ),
    Cost("milliseconds", "the time for one text", "median_ms", "ms a text", 10.0, _milliseconds),
    Cost(
        id="train_seconds",
        noun="the time of the training",
        fact="train_seconds",
        unit="to train",
        small=60.0,
        shown=duration,
        none="no training",
    ),
    Cost(
        id="bytes",
        noun="the size on disk",
        fact="bytes",
        unit="on disk",
        small=1e8,
        shown=data_size,
        none="nothing on this disk",
    ),
    Cost("memory", "the memory to answer", "memory_bytes", "of memory", 1e8, data_size),
)
# Memory is a limit and no order: most classifiers fit.
DECIDING = COSTS[:4]


def costs_of(run: RunFolder, side: Side) -> dict[str, float | None]:
    """Each cost of a classifier in the mean of its seeds, and ``trained_parameters``.

    None where it was not measured. Where the run has no facts of its classifiers, as an older
    version wrote it, the training's own record gives the time and the parameters. The price is
    known without facts.
    """
    known = {"price_per_1000": _mean([price_of(one.values) for one in side.asked], PRICE)}
    facts = {result.name: result.values for result in run.measured}
    records = [facts[one.name] for one in side.asked if one.name in facts]
    if len(records) == len(side.asked):
        found = {cost.id: _mean(records, cost.fact) for cost in COSTS}
        return {**found, **known, "trained_parameters": _mean(records, "trained_parameters")}
    unknown: dict[str, float | None] = {**dict.fromkeys(cost.id for cost in COSTS), **known}
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


def price_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The price of a thousand texts, from the record of an asking.

    0 where no request was made to a server, as nobody is paid then; None where the server or the
    study does not tell.
    """
    requests = values.get("requests")
    return {PRICE: 0.0 if requests is None else requests[PRICE]}


def _values(results: Sequence[Result]) -> list[Mapping[str, Any]]:
    return [result.values for result in results]


def _mean(records: Sequence[Mapping[str, Any]], name: str) -> float | None:
    found = [record.get(name) for record in records]
    known = [float(value) for value in found if value is not None]
    return fmean(known) if known and len(known) == len(found) else None
