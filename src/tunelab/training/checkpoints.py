"""Which checkpoint a killed training goes on from."""

import json
import shutil
from pathlib import Path

from tunelab.training.callbacks import COMPLETE


def last_complete(folder: Path) -> Path | None:
    """The newest whole checkpoint of a folder; those that are not whole are removed."""
    best: tuple[int, Path] | None = None
    for checkpoint in sorted(folder.glob("checkpoint-*")):
        number = checkpoint.name.partition("-")[2]
        if not number.isdecimal() or not _is_whole(checkpoint):
            shutil.rmtree(checkpoint, ignore_errors=True)
        elif best is None or int(number) > best[0]:
            best = (int(number), checkpoint)
    return best[1] if best else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))
        return bool(sizes) and all(
            (checkpoint / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False
