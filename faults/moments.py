"""A fault at every write: killed before it, torn in the middle of it, or the disk full from it on.

A chain of processes: each goes on where the one before it ended, and the fault strikes at the
first change of a file at which none has struck. It ends when one comes through.
"""

import random
from collections.abc import Callable
from pathlib import Path

from faults.child import Ended, call, finish, start
from faults.scene import RUN, Command, told
from faults.trial import Trial, Whole, judge
from faults.writes import die, fill, note, strike_once, tear, watch

KILLED = "SIGKILL before a write"
TORN = "killed within a write"
FULL = "disk full from a write on"
# Bytes that a file may still grow to, once the fault has struck.
_ROOM = 64


def chain(
    kind: str,
    command: Command,
    whole: Whole,
    folder: Path,
    *,
    draw: random.Random,
    positions: int | None = None,
) -> Trial:
    """Strike once at each change of a file, or at ``positions`` of them, drawn."""
    out = folder / RUN
    out.mkdir(parents=True)
    chosen = None if positions is None else _draw(command, folder, positions, draw)
    seen: set[str] = set()
    injected = 0
    while True:
        ended, struck = _disturb(
            command,
            out,
            folder / "struck.txt",
            lambda moment: moment not in seen and (chosen is None or moment in chosen),
            _fault(kind, draw.randrange(_ROOM)),
        )
        if not struck:
            return judge(kind, command, out, whole, injected, ended)
        seen.update(struck)
        injected += ended.code != 0
        expected = told(ended) is not None if kind == FULL else ended.code < 0
        # Where little is left to write, a fault may find nothing to strike.
        if not expected and ended.code != 0:
            note = f"at {struck[0]}: {ended.code}, {ended.err[-400:]}"
            return Trial(kind, command.verb, injected, note=note)


def _disturb(
    command: Command,
    out: Path,
    file: Path,
    wanted: Callable[[str], bool],
    fault: Callable[[], None],
) -> tuple[Ended, list[str]]:
    """Run a command with a fault at the first wanted moment, which is returned."""
    file.unlink(missing_ok=True)

    def arm() -> None:
        watch(out, strike_once(wanted, note(file), fault))

    ended = finish(start(call(command.words(out)), arm))
    return ended, file.read_text(encoding="utf-8").splitlines()


def _fault(kind: str, room: int) -> Callable[[], None]:
    if kind == KILLED:
        return die
    return tear(room) if kind == TORN else fill(room)


def _draw(command: Command, folder: Path, positions: int, draw: random.Random) -> set[str]:
    """Moments of an undisturbed run."""
    out, file = folder / "counted", folder / "counted.txt"
    out.mkdir()
    finish(start(call(command.words(out)), lambda: watch(out, note(file))))
    names = list(dict.fromkeys(file.read_text(encoding="utf-8").splitlines()))
    return set(draw.sample(names, min(positions, len(names))))
