"""How long a training took; not known where it was interrupted or was not alone."""

from collections.abc import Mapping

from tunelab.evaluation.metrics.of_trainings import Record, TrainingNumber, read

# Processors that other processes kept busy, in the mean, from which a training was not alone, and
# those that were free, from which it did not matter.
_OTHERS = 0.25
_FREE = 0.25


def time_doubt(record: Record) -> str | None:
    """Why the seconds of a training are not the time that it takes; None of older records."""
    if record.get("resumed"):
        return "the training was interrupted and went on, so that its time is put together"
    states = record.get("border_states")
    if isinstance(states, Mapping) and states.get("rows_kept_before"):
        return (
            f"an earlier training kept the hidden states of {states['rows_kept_before']} rows, "
            "which this one did not compute"
        )
    others, free = record.get("other_cpus"), record.get("free_cpus")
    if others is not None and free is not None and others >= _OTHERS and free < _FREE:
        return f"other work kept {others:.1f} of the machine's processors busy meanwhile"
    return None


SECONDS = TrainingNumber(
    id="training_seconds",
    description="seconds of training",
    unit="seconds",
    of=read("seconds"),
    doubt=time_doubt,
)
TO_BEST = TrainingNumber(
    id="seconds_to_best",
    description="seconds of training until the best validation loss",
    unit="seconds",
    of=read("seconds_to_best"),
    doubt=time_doubt,
)
OF_A_STEP = TrainingNumber(
    id="seconds_per_step",
    description="seconds of an optimizer step, in the mean",
    unit="seconds",
    of=read("seconds_per_step"),
    doubt=time_doubt,
)
