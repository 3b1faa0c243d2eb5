"""What happens at the writes of a process: it is killed, cut off in one, or finds the disk full.

Python tells of every file that it opens for writing, renames or removes, before it does so. What
libraries write by themselves lies between two of these moments; a limit on the size of files
reaches that too.
"""

import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

At = Callable[[str], None]
_WRITING = os.O_WRONLY | os.O_RDWR
# What is drawn anew in each process: the name of a temporary file.
_DRAWN = re.compile(r"\.[a-z0-9_]{8}\.part$")
_CHANGES = {
    "os.rename": 1,
    "os.link": 1,
    "os.mkdir": 0,
    "os.remove": 0,
    "shutil.rmtree": 0,
    "os.truncate": 0,
}


def watch(root: Path, at: At) -> None:
    """Call ``at`` with a name for each moment before this process changes a file under ``root``."""
    start = f"{root}{os.sep}"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITING):
                return
        elif event in _CHANGES:
            path = arguments[_CHANGES[event]]
        else:
            return
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if name.startswith(start):
            at(f"{event} {_DRAWN.sub('.part', name.removeprefix(start))}")

    sys.addaudithook(hook)


def note(path: Path) -> At:
    """Write the moments down, one a line, in a file outside of the watched folder."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def at(moment: str) -> None:
        os.write(descriptor, f"{moment}\n".encode())

    return at


def strike_once(wanted: Callable[[str], bool], write: At, strike: Callable[[], None]) -> At:
    """At the first moment that is wanted: write it down and strike."""
    struck = False

    def at(moment: str) -> None:
        nonlocal struck
        if not struck and wanted(moment):
            struck = True
            write(moment)
            strike()

    return at


def die() -> None:
    """Be killed, here and now."""
    os.kill(os.getpid(), signal.SIGKILL)


def tear(size: int) -> Callable[[], None]:
    """From now on be killed in the first write that would make a file larger than ``size``."""

    def strike() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return strike


def fill(size: int) -> Callable[[], None]:
    """From now on no file can grow beyond ``size``: it is an error, as on a full disk."""

    def strike() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return strike
