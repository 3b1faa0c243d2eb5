"""Times and memory that are not those of one training alone are told of."""

import time

import pytest

from tunelab.evaluation.metrics.training_memory import peak_doubt
from tunelab.evaluation.metrics.training_numbers import TRAINING_NUMBERS
from tunelab.evaluation.metrics.training_time import time_doubt

ALONE = {"resumed": False, "other_cpus": 0.02, "free_cpus": 0.9, "device": "cpu", "model": "m"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"resumed": True}, "interrupted"),
        ({"other_cpus": 1.0, "free_cpus": 0.0}, "other work kept 1.0"),
        # Others were busy, and processors were free all the same.
        ({"other_cpus": 3.0, "free_cpus": 2.0}, None),
        ({"other_cpus": None, "free_cpus": None}, None),
    ],
)
def test_times(changed: dict[str, object], told: str | None) -> None:
    found = time_doubt({**ALONE, **changed})
    assert found is None if told is None else told in str(found)


def test_records_of_older_runs_are_taken_as_they_are() -> None:
    for metric in TRAINING_NUMBERS.values():
        assert metric.doubt({"seconds": 3.0}) is None


def test_memory() -> None:
    assert "interrupted" in str(peak_doubt({**ALONE, "resumed": True}))
    left = {**ALONE, "held_before": 1e9, "peak_bytes": 2e9}
    peak = TRAINING_NUMBERS["peak_bytes"]
    assert peak.unlike(left, left) is None
    later = {**left, "held_before": 1.5e9}
    assert "held 1 GB before" in str(peak.unlike(left, later))
    assert peak.unlike(left, {**later, "model": "n"}) is None
    seconds = TRAINING_NUMBERS["training_seconds"]
    assert "measured on cpu" in str(seconds.unlike(left, {**left, "device": "cuda"}))


def test_processors_in_use_are_seen() -> None:
    from tunelab.training.other_work import look, used_since

    start = look()
    assert used_since(start) is None
    end = time.perf_counter() + 1.1
    while time.perf_counter() < end:
        pass
    used = used_since(start)
    assert used is not None
    assert used.others >= 0
    assert used.free >= 0
