"""Every kind of fault, at every command, in a folder of its own."""

import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults import clocks, damage, kills, moments, small_disk, twice
from faults.child import call, finish, start
from faults.scene import RUN, Command, Scene
from faults.trial import Trial, Whole

STUDIES = ("run", "train")
VERBS = ("run", "train", "sweep", "evaluate", "predict", "export")
# A trial that is killed three times has failed, by design, so a sweep would not come through a
# fault at each of its writes; its tests kill it before each write of its database instead.
OF_SWEEP = ("killed", "small-disk", "clock", "twice")


@dataclass(frozen=True)
class Counts:
    """How many faults of each kind; None is one in every place where there is one.

    ``only`` names the kinds that a verb meets, where they are not all.
    """

    kills: Mapping[str, int]
    writes: int | None
    damaged: int | None
    clocks: int
    twice: int
    disks: int
    only: Mapping[str, Sequence[str]]


FULL = Counts(
    kills={"run": 24, "train": 16, "sweep": 10, "evaluate": 10, "predict": 10, "export": 10},
    writes=None,
    damaged=None,
    clocks=3,
    twice=4,
    disks=6,
    only={"sweep": OF_SWEEP},
)
SHORT = Counts(
    kills={"run": 2, "train": 1, "sweep": 1, "evaluate": 1, "predict": 1, "export": 1},
    writes=3,
    damaged=2,
    clocks=1,
    twice=1,
    disks=0,
    # A whole study takes the longest.
    only={"sweep": OF_SWEEP, "run": ("killed", "twice")},
)


def parts_of(
    scene: Scene,
    wholes: Mapping[str, Whole],
    folder: Path,
    counts: Counts,
    *,
    kinds: Sequence[str],
    seed: int,
) -> list[Callable[[], Iterator[Trial]]]:
    """The trials of each kind and verb; each of them draws from ``seed`` by itself."""

    def trials(kind: str, verb: str) -> Iterator[Trial]:
        position = folder / f"{kind}-{verb}"
        position.mkdir()
        draw = random.Random(f"{seed} {kind} {verb}")
        at = _Setting(scene, scene.commands[verb], wholes[verb], position, counts, draw)
        yield from KINDS[kind](at)
        shutil.rmtree(position, ignore_errors=True)

    return [
        partial(trials, kind, verb)
        for kind in kinds
        for verb in wholes
        if kind in counts.only.get(verb, KINDS)
    ]


@dataclass(frozen=True)
class _Setting:
    scene: Scene
    command: Command
    whole: Whole
    folder: Path
    counts: Counts
    draw: random.Random


def _killed(at: _Setting) -> Iterable[Trial]:
    count = at.counts.kills[at.command.verb]
    return kills.trials(at.command, at.whole, at.folder, count=count, draw=at.draw)


def _struck(kind: str) -> Callable[[_Setting], Iterable[Trial]]:
    def trials(at: _Setting) -> Iterable[Trial]:
        yield moments.chain(
            kind, at.command, at.whole, at.folder, draw=at.draw, positions=at.counts.writes
        )

    return trials


def _small_disks(at: _Setting) -> Iterable[Trial]:
    if not at.counts.disks or not small_disk.is_permitted(at.folder / "trial"):
        return ()
    left = _size(_finished(at, "left"))
    count = at.counts.disks if at.command.verb in STUDIES else at.counts.disks // 3
    return small_disk.trials(at.command, at.whole, at.folder, left=left, count=count, draw=at.draw)


def _damaged(at: _Setting) -> Iterator[Trial]:
    count = at.counts.damaged
    if at.command.verb in STUDIES:
        for state in (_finished(at, "whole"), _unfinished(at, "half")):
            yield from damage.of_results(
                at.command, at.whole, state, at.folder, draw=at.draw, count=count
            )
        return
    if at.command.verb == "export":
        yield from damage.of_results(
            at.command, at.whole, _finished(at, "whole"), at.folder, draw=at.draw, count=count
        )
    if count is None or at.command.verb == "predict":
        yield from damage.of_adapter(
            at.scene, at.command.verb, at.folder, draw=at.draw, whole=at.whole
        )


def _clocks(at: _Setting) -> Iterator[Trial]:
    drawn = {"count": at.counts.clocks, "draw": at.draw}
    yield from clocks.trials(at.command, at.whole, at.folder, **drawn)
    if at.command.verb in STUDIES:
        yield from clocks.mixed_up(at.command, at.whole, at.folder / "mixed", **drawn)


def _twice(at: _Setting) -> Iterable[Trial]:
    return twice.trials(at.command, at.whole, at.folder, count=at.counts.twice, draw=at.draw)


KINDS: dict[str, Callable[[_Setting], Iterable[Trial]]] = {
    "killed": _killed,
    "before-writes": _struck(moments.KILLED),
    "within-writes": _struck(moments.TORN),
    "full": _struck(moments.FULL),
    "small-disk": _small_disks,
    "damaged": _damaged,
    "clock": _clocks,
    "twice": _twice,
}


def _finished(at: _Setting, name: str) -> Path:
    """The folder that an undisturbed command leaves."""
    out = at.folder / name / RUN
    out.mkdir(parents=True)
    finish(start(call(at.command.words(out))))
    return out


def _unfinished(at: _Setting, name: str) -> Path:
    """The folder of a command that was killed when its last training had two checkpoints."""
    from faults.writes import die, watch

    out = at.folder / name / RUN
    out.mkdir(parents=True)
    checkpoints: set[str] = set()

    def at_write(moment: str) -> None:
        event, _, path = moment.partition(" ")
        if "train/lora" in path and event == "os.rename" and path.endswith("complete.json"):
            checkpoints.add(path)
        elif len(checkpoints) == 3:
            die()

    finish(start(call(at.command.words(out)), lambda: watch(out, at_write)))
    return out


def _size(folder: Path) -> int:
    return sum(path.stat().st_size + 4096 for path in folder.rglob("*"))
