"""The facts of a classifier that a record holds: what each is, and when a time says little."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.costs import PRICE, price_of
from tunelab.evaluation.metrics.training_time import time_doubt
from tunelab.numbers import UNDEFINED, Unit, with_unit


@dataclass(frozen=True)
class Fact:
    """One fact: its name in records, a heading, its unit, and what it is for readers.

    ``scale`` brings the recorded number to the unit. A ``rare`` one is shown where it is not 0 for
    all.
    """

    id: str
    title: str
    unit: Unit
    description: str
    scale: float = 1.0
    rare: bool = False

    def show(self, values: Mapping[str, Any]) -> str:
        """The fact of a record with its unit; a dash where it is not known."""
        value = values.get(self.id)
        return UNDEFINED if value is None else with_unit(float(value) * self.scale, self.unit)


FACTS = (
    Fact("trained_parameters", "trained", "count", "parameters that were trained"),
    Fact("parameters", "parameters", "count", "all parameters, those of a model in it included"),
    Fact("train_seconds", "to train", "seconds", "time to train"),
    Fact(
        "train_memory_bytes",
        "memory to train",
        "bytes",
        "memory that training took above what the process held before",
    ),
    Fact("bytes", "on disk", "bytes", "its files, and those of a model that it reads"),
    Fact("open_seconds", "to open", "seconds", "time to open it"),
    Fact(
        "memory_bytes",
        "memory to answer",
        "bytes",
        "memory that opening it and answering took above what the process held before",
    ),
    Fact("rows_per_second", "texts a second", "number", "texts a second, many together"),
    Fact("median_ms", "one text", "seconds", "time for one text, the median", 0.001),
    Fact("p95_ms", "95th percentile", "seconds", "time for one text, 95th percentile", 0.001),
    Fact(
        PRICE,
        "price of 1,000",
        "number",
        "price of a thousand texts, in the currency of the study's prices",
        rare=True,
    ),
)


def facts_to_show(records: Iterable[Mapping[str, Any]]) -> list[Fact]:
    """The facts that say something of these records."""
    known = list(records)
    return [
        fact
        for fact in FACTS
        if not fact.rare
        or any(one.get(fact.id) or fact.id in one.get("unknown", {}) for one in known)
    ]


def of_training(trained: Mapping[str, Any] | None, unknown: Mapping[str, str]) -> dict[str, Any]:
    """What the record of a training says of its cost, with a reason for each unknown value.

    Args:
        trained: the record, or None for a classifier that is not trained.
        unknown: the reasons for what is not known yet.
    """
    if trained is None:
        none = {"trained_parameters": 0, "train_seconds": 0.0, "train_memory_bytes": 0}
        return {**none, "unknown": unknown}
    reasons = dict(unknown)
    memory = trained.get("memory_bytes")
    if trained.get("resumed"):
        memory = None
        reasons["train_memory_bytes"] = "the training was interrupted and went on"
    elif memory is None:
        reasons["train_memory_bytes"] = (
            "this system does not report it, or an older version trained it"
        )
    if trained.get("trainable_parameters") is None:
        reasons["trained_parameters"] = "only linear models report their parameters"
    return {
        "trained_parameters": trained.get("trainable_parameters"),
        "train_seconds": trained.get("seconds"),
        "train_memory_bytes": memory,
        "train_doubt": time_doubt(trained),
        "unknown": reasons,
    }


def of_requests(asked: Mapping[str, Any], unknown: Mapping[str, str]) -> dict[str, Any]:
    """The price of answers, and the times of those that were requests to a server.

    Args:
        asked: the record of the asking.
        unknown: the reasons for what is not known yet.
    """
    values, reasons = price_of(asked), dict(unknown)
    requests = asked.get("requests")
    if requests is not None:
        seconds = requests["seconds_per_request"]
        if seconds is not None:
            # What somebody waits for: pauses, retries and the network included.
            values |= {"median_ms": 1000 * seconds["median"], "p95_ms": 1000 * seconds["p95"]}
            values["times_of"] = "requests"
            reasons.pop("median_ms", None)
            reasons.pop("p95_ms", None)
        if values[PRICE] is None:
            reasons[PRICE] = requests["price_reason"]
    return {**values, "unknown": reasons}


def doubts_of(values: Mapping[str, Any]) -> Iterator[str]:
    """Why times of a record are not those of the classifier alone, as sentences without a stop."""
    trained = values.get("train_doubt")
    if trained is not None:
        yield f"of the training: {trained}"
    asked = time_doubt(values)
    if asked is not None:
        yield f"of the answers: {asked}"
