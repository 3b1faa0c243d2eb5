"""What a method trains and keeps, counted: parameters, bytes of the training, bytes on disk."""

from tunelab.evaluation.metrics.of_trainings import Record, TrainingNumber, read


def training_bytes(trainable: int, frozen: int, precision: str) -> int:
    """Bytes of weights, gradients and AdamW's two moments; activations come on top.

    A trained parameter takes 16: all four in float32. Frozen ones are held in the precision of
    the run.
    """
    return 16 * trainable + (4 if precision == "float32" else 2) * frozen


def _sizes(record: Record) -> tuple[int, int, str] | None:
    """Trained parameters, all of them, and the precision; None of what is no network."""
    if record.get("total_parameters") is None or record.get("trainable_parameters") is None:
        return None
    trained, parameters = int(record["trainable_parameters"]), int(record["total_parameters"])
    return trained, parameters, str(record["precision"])


def _share(record: Record) -> float | None:
    sizes = _sizes(record)
    return None if sizes is None else sizes[0] / sizes[1]


def _bytes(record: Record) -> float | None:
    sizes = _sizes(record)
    if sizes is None:
        return None
    trained, parameters, precision = sizes
    return float(training_bytes(trained, parameters - trained, precision))


def _parameters_in_full(record: Record) -> float | None:
    sizes = _sizes(record)
    if sizes is None:
        return None
    trained, parameters, _ = sizes
    # What an adapter adds is no part of the model.
    return float(parameters - trained if trained < parameters else parameters)


def _bytes_in_full(record: Record) -> float | None:
    parameters = _parameters_in_full(record)
    if parameters is None:
        return None
    return float(training_bytes(int(parameters), 0, str(record["precision"])))


def _bytes_share(record: Record) -> float | None:
    own, full = _bytes(record), _bytes_in_full(record)
    return None if own is None or full is None else own / full


PARAMETERS = TrainingNumber(
    id="trainable_parameters",
    description="parameters that are trained",
    unit="count",
    of=read("trainable_parameters"),
    counted=True,
    in_full=_parameters_in_full,
)
SHARE = TrainingNumber(
    id="trainable_share",
    description="share of the parameters that is trained",
    unit="share",
    of=_share,
    counted=True,
    in_full=lambda record: 1.0,
)
ON_DISK = TrainingNumber(
    id="adapter_bytes",
    description="bytes of what was trained, on disk",
    unit="bytes",
    of=read("adapter_bytes"),
    counted=True,
)
BYTES = TrainingNumber(
    id="training_bytes",
    description="bytes of weights, gradients and AdamW's state, counted, without activations",
    unit="bytes",
    of=_bytes,
    counted=True,
    in_full=_bytes_in_full,
)
BYTES_SHARE = TrainingNumber(
    id="training_bytes_share",
    description="training_bytes as a share of those of full fine-tuning of the same model",
    unit="share",
    of=_bytes_share,
    counted=True,
    in_full=lambda record: 1.0,
)
