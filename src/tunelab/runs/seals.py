"""Seals: the SHA-256 of a record and of the files that it speaks for, compared before use.

A file that was cut or changed after it was written is then noticed, whatever it holds.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tunelab.config import fingerprint

FILES = "files"
SEAL = "seal"


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of files of a folder, by name."""
    return {name: file_hash(folder / name) for name in sorted(names)}


def sealed(record: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """A record with the hashes of its files, and the hash of all that."""
    whole = {**record, FILES: dict(files)}
    return {**whole, SEAL: _hash(whole)}


def is_intact(record: Mapping[str, Any]) -> bool:
    """Whether a record is as it was sealed; one of a version without seals counts as intact."""
    if SEAL not in record and FILES not in record:
        return True
    return record.get(SEAL) == _hash({key: record[key] for key in record if key != SEAL})


def find_damage(folder: Path, files: Mapping[str, str]) -> Path | None:
    """The first file that is missing or not as it was, or None."""
    for name, digest in files.items():
        try:
            if file_hash(folder / name) != digest:
                return folder / name
        except OSError:
            return folder / name
    return None


def _hash(record: Mapping[str, Any]) -> str:
    # As it will be read back: JSON knows no tuples and no keys but text.
    return fingerprint(json.loads(json.dumps(record)))
