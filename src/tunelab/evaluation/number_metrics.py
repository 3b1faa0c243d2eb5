"""Numbers that a training leaves in its record, and that claims may speak of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.numbers import Unit, data_size

Record = Mapping[str, Any]

# Processors that other processes kept busy, in the mean, from which a training was not alone, and
# those that were free, from which it did not matter.
_OTHERS = 0.25
_FREE = 0.25
# What a process held before two trainings may differ by, as a share of the smaller peak.
_HELD_APART = 0.05


@dataclass(frozen=True)
class NumberMetric:
    """``of`` reads the number from a record. ``counted`` ones have no error of measurement.

    ``doubt`` says why the number of one record is no measurement of what it is called, or None.
    """

    description: str
    counted: bool
    of: Callable[[Record], float | None]
    unit: Unit = "number"
    doubt: Callable[[Record], str | None] = lambda record: None


def full_numbers(record: Record) -> dict[str, float]:
    """What full fine-tuning of the same model would count, from the record of an adapter."""
    parameters, trained = int(record["total_parameters"]), int(record["trainable_parameters"])
    if trained < parameters:
        # What an adapter adds is no part of the model.
        parameters -= trained
    return {
        "trainable_parameters": parameters,
        "trainable_share": 1.0,
        "training_bytes_share": 1.0,
        "training_bytes": training_bytes(parameters, 0, str(record["precision"])),
    }


def training_bytes(trainable: int, frozen: int, precision: str) -> int:
    """Bytes of weights, gradients and AdamW's two moments; activations come on top.

    A trained parameter takes 16: all four in float32. Frozen ones are held in the precision of
    the run.
    """
    return 16 * trainable + (4 if precision == "float32" else 2) * frozen


def _value(name: str) -> Callable[[Record], float | None]:
    def of(record: Record) -> float | None:
        value: Any = record.get(name)
        return None if value is None else float(value)

    return of


def _share(record: Record) -> float:
    return float(record["trainable_parameters"]) / float(record["total_parameters"])


def _training_bytes(record: Record) -> float:
    trainable = int(record["trainable_parameters"])
    frozen = int(record["total_parameters"]) - trainable
    return float(training_bytes(trainable, frozen, str(record["precision"])))


def time_doubt(record: Record) -> str | None:
    """Why the seconds of a training are not the time that it takes; None of older records."""
    if record.get("resumed"):
        return "the training was interrupted and went on, so that its time is put together"
    others, free = record.get("other_cpus"), record.get("free_cpus")
    if others is not None and free is not None and others >= _OTHERS and free < _FREE:
        return f"other work kept {others:.1f} of the machine's processors busy meanwhile"
    return None


def peak_doubt(record: Record) -> str | None:
    """Why the peak of memory is not that of a whole training; None of older records."""
    if record.get("resumed") and "peak_unknown" not in record:
        return "the training was interrupted, and memory was measured after that alone"
    reason: str | None = record.get("peak_unknown")
    return reason


def unlike_measured(metric: str, left: Record, right: Record) -> str | None:
    """Why a number that was measured for two trainings cannot be compared, or None."""
    if left.get("device") != right.get("device"):
        return f"one was measured on {left.get('device')}, the other on {right.get('device')}"
    if metric != "peak_bytes" or left.get("model") != right.get("model"):
        return None
    before = [record.get("held_before") for record in (left, right)]
    peaks = [record.get("peak_bytes") for record in (left, right)]
    if None in before or None in peaks:
        return None
    first, second = (float(value or 0.0) for value in before)
    if abs(first - second) > _HELD_APART * min(float(peak or 0.0) for peak in peaks):
        return (
            f"the process held {data_size(first)} before the one training and "
            f"{data_size(second)} before the other, which its peak includes"
        )
    return None


NUMBER_METRICS: Mapping[str, NumberMetric] = {
    "trainable_parameters": NumberMetric(
        "parameters that are trained", True, _value("trainable_parameters"), "count"
    ),
    "trainable_share": NumberMetric(
        "share of the parameters that is trained", True, _share, "share"
    ),
    "adapter_bytes": NumberMetric(
        "bytes of what was trained, on disk", True, _value("adapter_bytes"), "bytes"
    ),
    "training_bytes": NumberMetric(
        "bytes of weights, gradients and AdamW's state, counted, without activations",
        True,
        _training_bytes,
        "bytes",
    ),
    "training_bytes_share": NumberMetric(
        "training_bytes as a share of those of full fine-tuning of the same model",
        True,
        lambda record: _training_bytes(record) / full_numbers(record)["training_bytes"],
        "share",
    ),
    "training_seconds": NumberMetric(
        "seconds of training", False, _value("seconds"), "seconds", time_doubt
    ),
    "seconds_to_best": NumberMetric(
        "seconds of training until the best validation loss",
        False,
        _value("seconds_to_best"),
        "seconds",
        time_doubt,
    ),
    "seconds_per_step": NumberMetric(
        "seconds of an optimizer step, in the mean",
        False,
        _value("seconds_per_step"),
        "seconds",
        time_doubt,
    ),
    "peak_bytes": NumberMetric(
        "bytes that the training held at most", False, _value("peak_bytes"), "bytes", peak_doubt
    ),
}
