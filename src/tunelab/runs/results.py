"""Results: versioned records, written so that a file is either whole or absent."""

import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.errors import RunError, TunelabError, UsageError
from tunelab.guards.bounded_files import read_bounded
from tunelab.guards.bounded_parquet import check_parquet
from tunelab.guards.file_modes import new_file
from tunelab.runs.seals import FILES, SEAL, file_hashes, find_damage, is_intact, sealed

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
RECORD = "result.json"
# Beside an adapter or an exported model: the prompt that it was trained with.
ADAPTER_RECORD = "tunelab.json"
# Folders of a run with what was fitted: adapters of language models, and other classifiers.
ADAPTERS, CLASSIFIERS = FITTED = ("adapters", "classifiers")
# The adapters of other wordings of the prompt, which nothing but their stages reads.
WORDINGS = "wordings"
# Stages of a classifier, and those of the same one under another wording.
TRAIN, EVALUATE = "train", "evaluate"
FORGETTING = "forgetting"
# The trainings of a label budget.
BUDGET = "budget"
TRAIN_WORDING, EVALUATE_WORDING = "train-wording", "evaluate-wording"
# Bytes of a JSON file: more than any run has written by far.
_LARGEST = 200_000_000


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it onto ``path``.

    The file has the mode that the umask gives to new files.

    Raises:
        RunError: the folder cannot be written or the disk is full. Nothing half-written stays.
    """
    temporary: Path | None = None
    handle: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        handle, temporary = new_file(path.parent, f".{path.name}.", ".part")
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if not _hold(handle):
            os.close(handle)
            handle = None
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if stat.S_IMODE(temporary.stat().st_mode) != mode:
            # safetensors puts a file of its own there, for the owner alone.
            temporary.chmod(mode)
        temporary.replace(path)
        _sync_folder(path.parent)
    except Exception as error:
        if (reason := disk_failure(error)) is None:
            raise
        raise RunError(
            f"cannot write {path}: {reason}; free the space or name another folder with --out."
        ) from None
    finally:
        if handle is not None:
            os.close(handle)
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def disk_failure(error: BaseException) -> str | None:
    """Why a disk refused, in words; None where the error is of another kind.

    safetensors and torch tell of it by errors of their own.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    number = re.search(r"\(os error (\d+)\)", str(error))
    if number:
        return os.strerror(int(number.group(1)))
    return "it could not be written whole" if "inline_container.cc" in str(error) else None


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically. A value that is not finite is refused: undefined is null."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: it is missing or damaged.
        UsageError: it is not a regular file, or too large.
    """
    try:
        return json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is missing.") from None
    except (ValueError, RecursionError):
        raise RunError(f"{path} is damaged; remove its folder and run the study again.") from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}.") from None


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as Parquet atomically."""
    import pandas as pd

    table = pd.DataFrame(list(rows))
    # With checksums, so that a changed byte is noticed when the table is read on its own.
    write_atomically(
        path,
        lambda temporary: table.to_parquet(temporary, index=False, write_page_checksum=True),
    )


def read_table(path: Path) -> "pd.DataFrame":
    """Read a Parquet file.

    Raises:
        RunError: it is missing or damaged.
        UsageError: it is not a regular file, or would become far more than it is.
    """
    import pandas as pd
    from pyarrow import ArrowException

    try:
        check_parquet(path)
        return pd.read_parquet(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise RunError(f"{path} is missing.") from None
    except (OSError, ValueError, ArrowException) as error:
        raise RunError(f"{path} is damaged: {(str(error).splitlines() or [''])[0]}.") from None


@dataclass(frozen=True)
class Result:
    """What a stage leaves behind.

    ``stage`` is the verb, ``name`` what it was done to, ``hash`` covers its configuration and
    what it read, ``values`` are JSON values, ``folder`` is where its files are, and ``files`` holds
    their SHA-256 as the record has it.
    """

    stage: str
    name: str
    hash: str
    status: str
    values: Mapping[str, Any]
    folder: Path
    files: Mapping[str, str] = field(default_factory=dict)


def save_result(result: Result) -> None:
    """Write ``result.json``: the last file of a stage, so that its presence means complete.

    The record of a complete stage is sealed, and holds the SHA-256 of the files in its folder.
    """
    record = {
        "version": VERSION,
        "stage": result.stage,
        "name": result.name,
        "hash": result.hash,
        "status": result.status,
        **result.values,
    }
    names = [
        path.name
        for path in (result.folder.iterdir() if result.status == "complete" else ())
        if path.is_file() and path.name != RECORD and not path.name.startswith(".")
    ]
    write_json(result.folder / RECORD, sealed(record, file_hashes(result.folder, names)))


def load_result(folder: Path) -> Result:
    """Read the record of a stage.

    Raises:
        RunError: there is none, it is damaged, or a later version of tunelab wrote it.
    """
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or not {"stage", "name", "hash", "status"} <= set(record):
        raise RunError(f"{folder / RECORD} is damaged; remove its folder and run the study again.")
    if record.get("version") != VERSION:
        raise RunError(
            f"{folder / RECORD} has version {record.get('version')}, and this tunelab reads "
            f"version {VERSION}; use the tunelab that wrote it."
        )
    if not is_intact(record):
        raise RunError(f"{folder / RECORD} was changed; remove its folder and run the study again.")
    known = {"version", "stage", "name", "hash", "status", FILES, SEAL}
    return Result(
        stage=str(record["stage"]),
        name=str(record["name"]),
        hash=str(record["hash"]),
        status=str(record["status"]),
        values={key: value for key, value in record.items() if key not in known},
        folder=folder,
        files=record.get(FILES, {}),
    )


def complete_result(folder: Path, expected_hash: str) -> Result | None:
    """The record of a finished stage, or None if it is absent, failed, damaged or another's.

    A stage of which a file was changed or is missing is damaged.
    """
    if not (folder / RECORD).is_file():
        return None
    try:
        result = load_result(folder)
    except TunelabError:
        return None
    if result.status != "complete" or result.hash != expected_hash:
        return None
    return result if find_damage(folder, result.files) is None else None


def stage_file(result: Result, name: str) -> Path:
    """The path of a file of a stage, once it is seen to be as it was written.

    Raises:
        RunError: it was changed or is missing.
    """
    if find_damage(result.folder, {name: result.files[name]} if name in result.files else {}):
        raise RunError(f"{result.folder / name} was changed or is missing; run the study again.")
    return result.folder / name


def make_folder(folder: Path) -> Path:
    """Create a folder that is going to be written to.

    Raises:
        UsageError: it is a file, or may not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder} is a file; name a folder with --out.") from None
    except OSError as error:
        raise UsageError(
            f"cannot write to the folder {folder}: {error.strerror}; name another with --out."
        ) from None
    return folder


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of ``path`` that killed processes left; living ones hold theirs."""
    for leftover in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):
            handle = os.open(leftover, os.O_RDWR)
            try:
                if _hold(handle):
                    leftover.unlink()
            finally:
                os.close(handle)


def _hold(handle: int) -> bool:
    """Hold an open file until it is closed; False where another holds it, or none can."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a loss of power, where the system lets a folder be synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
