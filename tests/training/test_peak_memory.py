"""The most memory that a training held."""

import mmap

import pytest

from tunelab.training.peak_memory import read_peak, restart_peak

_BYTES = 256 * 2**20


def test_a_peak_is_seen_and_forgotten() -> None:
    if not restart_peak("cpu"):
        pytest.skip("this system does not tell the highest resident set")
    before = read_peak("cpu")
    # Memory of its own: an allocator may give out what it had kept.
    held = mmap.mmap(-1, _BYTES)
    for position in range(0, _BYTES, mmap.PAGESIZE):
        held[position] = 1
    held.close()
    peak = read_peak("cpu")
    assert before is not None
    assert peak is not None
    assert peak - before == pytest.approx(_BYTES, rel=0.1)
    restart_peak("cpu")
    after = read_peak("cpu")
    assert after is not None
    assert after < peak - _BYTES / 2


def test_a_device_that_does_not_tell() -> None:
    assert not restart_peak("mps")
    assert read_peak("mps") is None
