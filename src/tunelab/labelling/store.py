"""labels.jsonl: a file that is only appended to, by one process or thread at a time."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tunelab.errors import RunError, UsageError
from tunelab.labelling.records import History, Record, read_record
from tunelab.runs.appending import append_whole

_LOCK = "lock"
# Where a system has no locks of files, the threads of one process still wait for each other.
_THREADS = threading.Lock()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a project's folder alone: other processes and threads wait.

    The system frees the lock of a process that was killed.

    Raises:
        RunError: the folder cannot be written, or its file system has no locks.
    """
    with _THREADS:
        try:
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise RunError(f"cannot write to {folder.name}: {error.strerror}.") from None
        try:
            try:
                import fcntl
            except ImportError:
                pass
            else:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX)
                except OSError as error:
                    raise RunError(
                        f"cannot lock {folder.name}: {error.strerror}; put the labelling projects "
                        "on another disk."
                    ) from None
            yield
        finally:
            os.close(handle)


class LabelFile:
    """The records of a file, read on from where the last reading ended.

    All methods are to be called under :func:`locked`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = History()
        self._end = 0
        self._lines = 0
        self._node = 0

    def refresh(self) -> History:
        """Read what others have appended. A last line that was not finished counts for nothing.

        Raises:
            UsageError: a line is damaged.
            RunError: it cannot be read.
        """
        try:
            about = self.path.stat() if self.path.exists() else None
            size, node = (0, 0) if about is None else (about.st_size, about.st_ino)
            if size < self._end or node != self._node:
                # The first time, or somebody edited it by hand.
                self.history, self._end, self._lines = History(), 0, 0
                self._node = node
            if size == self._end:
                return self.history
            with self.path.open("rb") as file:
                file.seek(self._end)
                content = file.read()
        except OSError as error:
            raise RunError(f"cannot read {self.path.name}: {error.strerror}.") from None
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.split(b"\n")[:-1]:
            self._lines += 1
            if line.strip():
                self.history.add(self._record(line))
            self._end += len(line) + 1
        return self.history

    def append(self, record: Record) -> None:
        """Add a record to the end of the file; it is on the disk when this returns.

        What a killed process left of a last line is completed or removed first: nobody was told
        that it was kept.

        Raises:
            RunError: the disk is full or the file cannot be written; then nothing is added.
        """
        self._mend()
        self.refresh()
        content = f"{record.line()}\n".encode("utf-8", "backslashreplace")
        try:
            append_whole(self.path, content, sync=True)
        except OSError as error:
            raise RunError(
                f"cannot write {self.path.name}: {error.strerror}; this label was not kept."
            ) from None
        self.refresh()

    def _mend(self) -> None:
        """End a last line that a killed process left, or remove it where it is no record."""
        try:
            if not self.path.exists():
                return
            with self.path.open("rb+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                if file.read() in (b"", b"\n"):
                    return
                file.seek(0)
                content = file.read()
                rest = content[content.rfind(b"\n") + 1 :]
                try:
                    read_record(rest.decode("utf-8"))
                except (ValueError, TypeError, RecursionError):
                    file.truncate(len(content) - len(rest))
                else:
                    file.write(b"\n")
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"cannot write {self.path.name}: {error.strerror}.") from None

    def _record(self, line: bytes) -> Record:
        try:
            return read_record(line.decode("utf-8"))
        except (ValueError, TypeError, RecursionError):
            number = self._lines
            self.history, self._end, self._lines = History(), 0, 0
            raise UsageError(
                f"line {number} of {self.path.name} is damaged; correct or remove that line."
            ) from None
