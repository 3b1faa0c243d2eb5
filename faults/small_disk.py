"""A disk that is really full: a file system in memory, too small, and then made large enough."""

import contextlib
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.child import call, finish, start
from faults.scene import RUN, Command, told
from faults.trial import Trial, Whole, settle

KIND = "a disk that is full"
_PAGE = 4096
# What is left at the end says nothing of the checkpoints on the way, which may be many times it.
_ENOUGH = 64_000_000


def is_permitted(folder: Path) -> bool:
    """Whether this user may mount a file system, which takes root."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError), _mounted(folder, 64 * _PAGE):
        return True
    return False


def trials(
    command: Command, whole: Whole, folder: Path, *, left: int, count: int, draw: random.Random
) -> Iterator[Trial]:
    """Give a command a part of what it leaves; it says so; then it gets enough, and goes on."""
    for number in range(count):
        size = int(draw.uniform(0.02, 0.9) * left)
        with _mounted(folder / str(number), size) as disk:
            out = disk / RUN
            ended = finish(start(call(command.words(out))))
            if ended.code == 0:
                continue
            if told(ended) is None:
                yield Trial(KIND, command.verb, 1, note=ended.err[-400:])
                continue
            _call("mount", "-o", f"remount,size={_ENOUGH}", str(disk))
            yield settle(KIND, command, out, whole, 1)


@contextmanager
def _mounted(folder: Path, size: int) -> Iterator[Path]:
    folder.mkdir(parents=True)
    options = f"size={max(size, 4 * _PAGE)}"
    _call("mount", "-t", "tmpfs", "-o", options, "tunelab-faults", str(folder))
    try:
        yield folder
    finally:
        _call("umount", str(folder))


def _call(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
