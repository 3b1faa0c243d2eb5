"""The checkpoints of a training: which are whole, which one a killed training goes on from."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from transformers import TrainerState

from tunelab.guards.file_modes import follow_umask
from tunelab.runs.results import write_json
from tunelab.runs.seals import file_hashes, find_damage

# The weights of the best validation loss: beside the checkpoints, and as they were, in each.
BEST = "best.safetensors"
COMPLETE = "complete.json"
_STATE = "trainer_state.json"


def complete_checkpoint(folder: Path, step: int, *, keep: int = 2) -> None:
    """Make the checkpoint of a step whole; of the whole ones, keep the newest ``keep``.

    It gets the best weights until now, and last of all the SHA-256 of every file. The newest are
    compared by their steps, never by a clock.
    """
    checkpoint = folder / f"checkpoint-{step}"
    if not checkpoint.is_dir():
        return
    if (folder / BEST).is_file():
        _link(folder / BEST, checkpoint / BEST)
    follow_umask(checkpoint)
    names = [file.name for file in checkpoint.iterdir() if file.is_file() and file.name != COMPLETE]
    write_json(checkpoint / COMPLETE, file_hashes(checkpoint, names))
    for old in list(_newest_first(folder))[keep:]:
        shutil.rmtree(old, ignore_errors=True)


def last_complete(folder: Path) -> Path | None:
    """The newest whole checkpoint of a folder; later ones, which are not whole, are removed."""
    for checkpoint in _newest_first(folder):
        if _is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


def restore_checkpoint(folder: Path, checkpoint: Path | None) -> None:
    """Put the best weights back as they were at a checkpoint, or at the beginning."""
    (folder / BEST).unlink(missing_ok=True)
    if checkpoint is not None and (checkpoint / BEST).is_file():
        _link(checkpoint / BEST, folder / BEST)


def read_state(checkpoint: Path) -> TrainerState:
    """Where a training was, and what its callbacks knew."""
    return TrainerState.load_from_json(str(checkpoint / _STATE))


def remove_checkpoints(folder: Path) -> None:
    """Remove what only an unfinished training needs."""
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    (folder / BEST).unlink(missing_ok=True)


def _newest_first(folder: Path) -> Iterator[Path]:
    numbered = {
        int(number): checkpoint
        for checkpoint in folder.glob("checkpoint-*")
        if (number := checkpoint.name.partition("-")[2]).isdecimal()
    }
    return (numbered[number] for number in sorted(numbered, reverse=True))


def _is_whole(checkpoint: Path) -> bool:
    try:
        files = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))
        return bool(files) and find_damage(checkpoint, files) is None
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False


def _link(source: Path, target: Path) -> None:
    """A second name for a file, which costs no room; a copy where a disk knows no such thing."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
