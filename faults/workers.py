"""Faults in several processes at once, each forked from the one that has everything imported."""

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from faults.trial import Trial

Part = Callable[[], Iterable[Trial]]


def run_parts(
    parts: Sequence[Part], folder: Path, jobs: int, show: Callable[[Trial], None]
) -> Iterator[Trial]:
    """The trials of all parts, in the order of the parts; ``jobs`` processes share the parts.

    Each process takes the next part that none has taken, and calls ``show`` after each trial. A
    part's trials are kept in ``folder`` as they come, so that those of a process that died count.

    Raises:
        RuntimeError: a process ended with an error.
    """
    # A byte for each part: whoever reads it takes the part.
    reading, writing = os.pipe()
    os.write(writing, bytes(range(len(parts))))
    os.close(writing)
    pids = [_fork(parts, folder, reading, show) for _ in range(min(jobs, len(parts)))]
    os.close(reading)
    codes = []
    try:
        codes += [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    finally:
        for number in range(len(parts)):
            yield from _kept(folder / f"{number}.trials")
    if any(codes):
        raise RuntimeError(f"processes that inject faults ended with {codes}; see their errors.")


def _fork(parts: Sequence[Part], folder: Path, taking: int, show: Callable[[Trial], None]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        while number := os.read(taking, 1):
            with (folder / f"{number[0]}.trials").open("wb") as file:
                for trial in parts[number[0]]():
                    pickle.dump(trial, file)
                    file.flush()
                    show(trial)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _kept(path: Path) -> Iterator[Trial]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return
