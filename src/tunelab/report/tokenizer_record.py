"""What a run knows of tokenizers."""

from collections.abc import Mapping
from typing import Any

from tunelab.runs.results import read_json, stage_file
from tunelab.runs.run_folder import RunFolder, once

FILE = "tokenizers.json"


@once
def read_record(run: RunFolder) -> Mapping[str, Any] | None:
    """The record of a run (see `tunelab.tokenizers.record`), or None if there is none.

    Raises:
        RunError: it is damaged.
    """
    for result in run.tokenized:
        if (result.folder / FILE).is_file():
            return dict(read_json(stage_file(result, FILE)))
    return None
