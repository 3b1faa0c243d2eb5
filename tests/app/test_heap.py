"""What threads allocate comes from one heap, as glibc itself counts them."""

import subprocess
import sys

import pytest

_COUNT_HEAPS = """
import ctypes, sys, threading
from tunelab.app.heap import share_one_heap
if sys.argv[1] == "shared":
    share_one_heap()
together = threading.Barrier(4)
def allocate():
    held = [bytes(5_000 + n) for n in range(100)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""
_FREEZE = """
import gc
from tunelab.app.heap import freeze_long_lived_objects
objects = len(gc.get_objects())
freeze_long_lived_objects()
print(gc.get_freeze_count() >= 0.9 * objects > 1_000)
"""


def _heaps(kind: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _COUNT_HEAPS, kind], capture_output=True, text=True, check=True
    )
    return done.stderr.count("Arena ")


def test_threads_share_one_heap() -> None:
    if not sys.platform.startswith("linux") or (apart := _heaps("apart")) == 0:
        pytest.skip("this system's allocator is not glibc's")
    assert apart > 1
    assert _heaps("shared") == 1


def test_what_is_there_is_set_aside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FREEZE], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
