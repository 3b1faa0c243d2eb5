"""What a run folder, or a call of `tunelab tokenize`, knows of tokenizers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.results import read_json

FILE = "tokenizers.json"


def read_record(folder: Path) -> Mapping[str, Any] | None:
    """The record in a run folder (see `tunelab.tokenizers.record`), or None if there is none.

    Raises:
        RunError: it is damaged.
    """
    path = folder / FILE
    return read_json(path) if path.is_file() else None
