"""What the judge of a run found, one JSON file for each part.

Each is sealed, with the key of what it was found from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.errors import TunelabError
from tunelab.guards.bounded_files import is_file
from tunelab.runs.results import read_json, write_json
from tunelab.runs.seals import SEAL, is_intact, sealed

VERDICTS = "verdicts.json"
DECISION = "decision.json"
BUDGET = "budget.json"
REVIEW = "review.json"
WORDINGS = "wordings.json"
_VERSIONS = {VERDICTS: 2, DECISION: 1, BUDGET: 1, REVIEW: 1, WORDINGS: 1}


def save_judged(folder: Path, name: str, key: str, values: Mapping[str, Any]) -> None:
    """Write a file, whole or not at all; ``key`` covers all that the values follow from.

    Raises:
        RunError: the folder cannot be written.
    """
    record = {"version": _VERSIONS[name], "key": key, **values}
    write_json(folder / name, sealed(record, {}))


def load_judged(folder: Path, name: str, key: str) -> Mapping[str, Any] | None:
    """What was written for this key.

    None where there is nothing, where the file was damaged or changed, and where something else
    was judged: it is then to be judged again, as a damaged stage is run again.
    """
    if not is_file(folder / name):
        return None
    try:
        record = read_json(folder / name)
    except TunelabError:
        return None
    whole = isinstance(record, dict) and SEAL in record and is_intact(record)
    if not whole or record.get("version") != _VERSIONS[name] or record.get("key") != key:
        return None
    return dict(record)
