"""One process at a time writes an export."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tunelab.errors import RunError
from tunelab.runs.results import make_folder


@contextmanager
def name_locked(out: Path) -> Iterator[None]:
    """Hold the name of a folder, so that two processes do not fill it together."""
    from filelock import FileLock, Timeout

    missing = [folder for folder in out.absolute().parents if not folder.exists()]
    make_folder(out.absolute().parent)
    path = out.absolute().with_name(f".{out.name}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"another tunelab exports to {out}; wait for it or name another.") from None
    try:
        yield
    finally:
        # Nobody waits for this file: who finds it held is told so.
        with suppress(OSError):
            path.unlink()
        lock.release()
        with suppress(OSError):
            # Where nothing was exported, these are empty.
            for folder in missing:
                folder.rmdir()
