"""What a run knows of tokenizers."""

from collections.abc import Mapping
from typing import Any

from tunelab.report.run_folder import RunFolder, once
from tunelab.results import read_json, stage_file

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
