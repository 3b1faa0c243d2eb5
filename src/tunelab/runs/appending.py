"""Lines added to the end of a file, all of them or none."""

import os
from pathlib import Path


def append_whole(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Add ``content`` to the end of a file, which is made if there is none.

    A write that fails in the middle, as on a full disk, is taken back. With ``sync`` the content is
    on the disk when this returns. Others may append to the same file meanwhile only under a lock.

    Raises:
        OSError: it cannot be written; then nothing is added.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        before = os.fstat(handle).st_size
        written = 0
        try:
            while written < len(content):
                written += os.write(handle, content[written:])
            if sync:
                os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)


def ends_with_a_line(path: Path) -> bool:
    """Whether the last line of a file has its end; also of an empty one, and where there is none.

    Raises:
        OSError: it cannot be read.
    """
    if not path.exists() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
