"""The most memory that a training held; not known of one that was interrupted."""

from tunelab.evaluation.metrics.of_trainings import Record, TrainingNumber, like_measured, read
from tunelab.numbers import data_size

# What a process held before two trainings may differ by, as a share of the smaller peak.
_HELD_APART = 0.05


def peak_doubt(record: Record) -> str | None:
    """Why the peak of memory is not that of a whole training; None of older records."""
    if record.get("resumed") and "peak_unknown" not in record:
        return "the training was interrupted, and memory was measured after that alone"
    reason: str | None = record.get("peak_unknown")
    return reason


def _unlike(left: Record, right: Record) -> str | None:
    """Two trainings of one model in processes that held different things before."""
    reason = like_measured(left, right)
    if reason is not None or left.get("model") != right.get("model"):
        return reason
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


PEAK = TrainingNumber(
    id="peak_bytes",
    description="bytes that the training held at most",
    unit="bytes",
    of=read("peak_bytes"),
    doubt=peak_doubt,
    unlike=_unlike,
)
