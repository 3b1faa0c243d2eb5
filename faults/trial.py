"""One trial: a command is disturbed, and then has to finish as if it never had been."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.child import Ended, call, finish, start
from faults.prints import Prints, differing, leftovers
from faults.scene import RUN, Command, finished, told


@dataclass(frozen=True)
class Whole:
    """What a command leaves when nothing disturbs it, and how many seconds it takes."""

    prints: Prints
    seconds: float


@dataclass(frozen=True)
class Trial:
    """How many faults met a command, and what became of it.

    ``survived``: the same command finished afterwards, or refused in one sentence what was
    damaged (``told``). ``equal``: its results are those of an undisturbed run, bit for bit.
    """

    kind: str
    verb: str
    injected: int
    survived: int = 0
    equal: int = 0
    told: int = 0
    note: str = ""

    @property
    def lost(self) -> int:
        """Faults after which something was missing, wrong, or not told."""
        return self.injected - self.equal - self.told


def fresh_folders(folder: Path, count: int) -> Iterator[Path]:
    """Empty folders for a command, one after the other; each goes when the next is asked for."""
    for number in range(count):
        out = folder / f"{number}-{RUN}"
        out.mkdir(parents=True)
        yield out
        shutil.rmtree(out)


def undisturbed(command: Command, out: Path) -> Whole:
    """Run a command in peace."""
    out.mkdir(parents=True)
    ended = finished(finish(start(call(command.words(out)))))
    return Whole(command.prints(out, ended), ended.seconds)


def settle(
    kind: str,
    command: Command,
    out: Path,
    whole: Whole,
    injected: int,
    *,
    arm: Callable[[], object] | None = None,
) -> Trial:
    """Run the same command once more, and compare what it leaves with ``whole``."""
    ended = finish(start(call(command.words(out)), arm))
    return judge(kind, command, out, whole, injected, ended)


def judge(
    kind: str, command: Command, out: Path, whole: Whole, injected: int, ended: Ended
) -> Trial:
    """What became of a command that was disturbed ``injected`` times."""
    if ended.code != 0:
        note = f"ended with {ended.code}: {ended.err[-400:]}"
        return Trial(kind, command.verb, injected, note=note)
    try:
        unlike = differing(command.prints(out, ended), whole.prints)
    except (OSError, ValueError) as error:
        unlike = [f"{type(error).__name__}: {error}"]
    unlike += [f"left over: {name}" for name in leftovers(out)]
    return Trial(
        kind,
        command.verb,
        injected,
        survived=injected,
        equal=0 if unlike else injected,
        note=", ".join(unlike[:6]),
    )


def is_refusal(ended: Ended, name: str) -> bool:
    """Whether a command refused in one sentence that names a file."""
    sentence = told(ended)
    return sentence is not None and name in sentence
