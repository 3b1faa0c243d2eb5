"""Numbers that a training leaves in its record, and that claims may speak of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True)
class NumberMetric:
    """``of`` reads the number from a record. ``counted`` ones have no error of measurement."""

    description: str
    counted: bool
    of: Callable[[Record], float | None]


def full_numbers(record: Record) -> dict[str, float]:
    """What full fine-tuning of the same model would count, from the record of an adapter."""
    parameters = int(record["total_parameters"])
    if record["method"] != "full":
        parameters -= int(record["trainable_parameters"])
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


NUMBER_METRICS: Mapping[str, NumberMetric] = {
    "trainable_parameters": NumberMetric(
        "parameters that are trained", True, _value("trainable_parameters")
    ),
    "trainable_share": NumberMetric("share of the parameters that is trained", True, _share),
    "adapter_bytes": NumberMetric(
        "bytes of what was trained, on disk", True, _value("adapter_bytes")
    ),
    "training_bytes": NumberMetric(
        "bytes of weights, gradients and AdamW's state, counted, without activations",
        True,
        _training_bytes,
    ),
    "training_bytes_share": NumberMetric(
        "training_bytes as a share of those of full fine-tuning of the same model",
        True,
        lambda record: _training_bytes(record) / full_numbers(record)["training_bytes"],
    ),
    "training_seconds": NumberMetric("seconds of training", False, _value("seconds")),
    "seconds_to_best": NumberMetric(
        "seconds of training until the best validation loss", False, _value("seconds_to_best")
    ),
    "seconds_per_step": NumberMetric(
        "seconds of an optimizer step, in the mean", False, _value("seconds_per_step")
    ),
    "peak_bytes": NumberMetric("bytes that the training held at most", False, _value("peak_bytes")),
}
