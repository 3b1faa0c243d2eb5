"""What keeps the memory of a server level, however many requests it has served."""

import ctypes
import gc
import sys

# M_ARENA_MAX of glibc's malloc.h.
_MOST_ARENAS = -8


def share_one_heap() -> bool:
    """Let all threads allocate from one heap; whether the allocator knows that setting.

    The system's allocator on Linux, glibc's, gives each thread a heap of its own. What a request
    frees in one of them is not found by the next, which another thread serves. Threads that have a
    heap already keep it, so this comes before any is started.

    Source: mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_MOST_ARENAS, 1))
    except (OSError, AttributeError):
        return False


def set_aside_what_stays() -> None:
    """Take all objects there are out of the garbage collection, as they stay until the end.

    Python looks at its oldest objects only once a quarter more have come. Hundreds of thousands
    belong to the libraries, so that what requests leave behind in cycles would pile up for long.
    """
    gc.collect()
    gc.freeze()
