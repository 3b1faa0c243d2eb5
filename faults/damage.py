"""A file that is cut, or of which a byte is flipped, behind tunelab's back.

Then the same command has to make anew what was damaged, or to refuse in a sentence that names it.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from faults.child import Ended, call, finish, start
from faults.scene import RUN, Command, Scene, copy_scene
from faults.trial import Trial, Whole, is_refusal, judge

FLIPPED = "a byte flipped"
CUT = "a file truncated"


def flip(path: Path, draw: random.Random) -> None:
    """Change one byte to another."""
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
    _overwrite(path, bytes(content))


def cut(path: Path, draw: random.Random) -> None:
    """Keep a beginning of a file, which may be nothing."""
    content = path.read_bytes()
    _overwrite(path, content[: draw.randrange(len(content))])


WAYS = {FLIPPED: flip, CUT: cut}


def of_results(
    command: Command,
    whole: Whole,
    state: Path,
    folder: Path,
    *,
    draw: random.Random,
    count: int | None = None,
) -> Iterator[Trial]:
    """Damage each file of ``state``, a folder that the command left, or ``count`` of them."""
    names = [path.relative_to(state) for path in sorted(state.rglob("*")) if _holds(path)]
    if count is not None:
        names = sorted(draw.sample(names, min(count, len(names))))
    for number, name in enumerate(names):
        for kind, way in WAYS.items():
            out = folder / f"{number}-{way.__name__}" / RUN
            shutil.copytree(state, out)
            way(out / name, draw)
            ended = finish(start(call(command.words(out))))
            yield _judged(kind, command, out, whole, ended, name)
            shutil.rmtree(out.parent)


def of_adapter(
    scene: Scene, verb: str, folder: Path, *, draw: random.Random, whole: Whole
) -> Iterator[Trial]:
    """Damage each file of the adapter that a command reads.

    Its card is left out: it is text about the adapter, which every run writes anew.
    """
    names = sorted(path.name for path in scene.adapter.iterdir() if path.name != "README.md")
    for name in names:
        for kind, way in WAYS.items():
            position = folder / f"{verb}-{way.__name__}-{name}"
            command = copy_scene(scene, position).commands[verb]
            way(position / "adapter" / name, draw)
            out = position / RUN
            out.mkdir()
            ended = finish(start(call(command.words(out))))
            yield _judged(kind, command, out, whole, ended, Path(name))
            shutil.rmtree(position)


def _judged(
    kind: str, command: Command, out: Path, whole: Whole, ended: Ended, name: Path
) -> Trial:
    if is_refusal(ended, name.name):
        return Trial(kind, command.verb, 1, survived=1, told=1)
    trial = judge(kind, command, out, whole, 1, ended)
    return trial if trial.equal else Trial(**{**vars(trial), "note": f"{name}: {trial.note}"})


def _holds(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _overwrite(path: Path, content: bytes) -> None:
    # In a file of its own: two names may lead to the same one.
    path.unlink()
    path.write_bytes(content)
