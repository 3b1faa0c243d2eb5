"""What has to be equal after a fault: weights, predictions and the numbers of a report, hashed."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Prints = dict[str, str]

# Equal byte for byte.
_FILES = (
    "prepare/*/*.parquet",
    "train/*/history.parquet",
    "adapters/*/*.safetensors",
    "adapters/*/*.json",
    "evaluate/*/predictions.parquet",
    "predictions.parquet",
    "results.parquet",
    "figures/*.svg",
)
# Figures with times in them.
_TIMED = {"trade_offs", "costs"}
# Equal but for what varies.
_RECORDS = ("*/*/result.json", "generate/*/open.json", "run.json", "verdicts.json")
# How long things took, when, and beside what other work; seals and keys, which cover these too; the
# answers of open prompts as they came, of which an interrupted prompt has some twice until they are
# put in order. Those in order have times in them, so that the hash of their file varies too.
_VARIES = {
    "started",
    "wall_seconds",
    "seconds",
    "seconds_by_mode",
    "seconds_to_best",
    "seconds_per_step",
    "memory_bytes",
    "peak_bytes",
    "peak_unknown",
    "held_before",
    "resumed",
    "other_cpus",
    "free_cpus",
    "rows_per_second",
    "seal",
    "key",
    "answers.jsonl",
    "open.json",
    "first_token_seconds",
    "seconds_per_token",
    "ms_for_one",
    "memory",
    "proof.json",
    "README.md",
}


def of_run(out: Path) -> Prints:
    """The files of a run folder, and its records without times."""
    prints = {
        path.relative_to(out).as_posix(): _hash(path.read_bytes())
        for pattern in _FILES
        for path in out.glob(pattern)
        if path.stem not in _TIMED
    }
    records = [path for pattern in _RECORDS for path in out.glob(pattern)]
    for path in records:
        record = json.loads(path.read_bytes())
        prints[path.relative_to(out).as_posix()] = _hash(_plain(record))
    return prints


def of_sweep(out: Path) -> Prints:
    """What the trials came to, and the runs that compare the winner with the study's own setting.

    Which number a trial has, and at which attempt it ended, depends on how often it was begun.
    """
    record = json.loads((out / "sweep.json").read_bytes())
    told = ("rank", "state", "front", "goals", "values", "default", "reason")
    trials = [{name: trial[name] for name in told} for trial in record["trials"]]
    winner = {**record["winner"], "number": None}
    whole = {**record, "trials": trials, "winner": winner, "importance": None}
    compared = {
        f"{folder.name}/{name}": of
        for folder in (out / "winner", out / "default")
        if folder.is_dir()
        for name, of in of_run(folder).items()
    }
    return {"sweep.json": _hash(_plain(whole)), **compared}


def of_file(path: Path, printed: Any = None) -> Prints:
    """A file that a command wrote, and what it printed, without times."""
    return {path.name: _hash(path.read_bytes()), "printed": _hash(_plain(printed))}


def of_export(folder: Path) -> Prints:
    """Every file of an exported model; its proof, which the record holds too, without times."""
    prints = {}
    for path in sorted(folder.iterdir()):
        if path.name in ("proof.json", "tunelab.json"):
            prints[path.name] = _hash(_plain(json.loads(path.read_bytes())))
        elif path.name != "README.md":
            # The card shows the proof with its times.
            prints[path.name] = _hash(path.read_bytes())
    return prints


def differing(left: Prints, right: Prints) -> list[str]:
    """The names that only one has, or that are not equal in both."""
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def leftovers(out: Path) -> list[str]:
    """Half-written files and folders that are still there."""
    return [path.relative_to(out).as_posix() for path in _parts(out)]


def _parts(out: Path) -> Iterator[Path]:
    yield from out.rglob(".*.part")
    yield from out.rglob("checkpoint-*")


def _plain(record: Any) -> bytes:
    return json.dumps(_without_times(record), sort_keys=True).encode()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(part) for key, part in value.items() if key not in _VARIES}
    if isinstance(value, list):
        return [_without_times(part) for part in value]
    return value


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
