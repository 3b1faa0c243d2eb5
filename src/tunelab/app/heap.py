"""Settings that keep the memory of a server from growing with its requests."""

import ctypes
import gc
import sys
from contextlib import suppress

# M_ARENA_MAX of glibc's malloc.h.
_MOST_ARENAS = -8


def share_one_heap() -> None:
    """Let all threads allocate from one heap, where the allocator knows that setting.

    The system's allocator on Linux, glibc's, gives each thread a heap of its own. What a request
    frees in one of them is not found by the next, which another thread serves. Threads that have a
    heap already keep it, so this comes before any is started.

    Source: mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html.
    """
    if sys.platform.startswith("linux"):
        # Other allocators than glibc's have no such function.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_MOST_ARENAS, 1)


def freeze_long_lived_objects() -> None:
    """Exclude all existing objects from garbage collection, since they are never freed.

    Python looks at its oldest objects only once a quarter more have come. Hundreds of thousands
    belong to the libraries, so that what requests leave behind in cycles would pile up for long.
    """
    gc.collect()
    gc.freeze()
