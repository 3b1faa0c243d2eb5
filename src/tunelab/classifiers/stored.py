"""Classifiers on disk: the record beside their files, and how a folder is opened."""

import json
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.classifiers.contract import Fitted
from tunelab.config import Evaluation
from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import is_folder, read_bounded, within
from tunelab.runs.results import ADAPTER_RECORD
from tunelab.runs.seals import FILES, find_damage, is_intact

_LARGEST = 20_000_000
# How the files are to be read. Records of adapters, the first format, do not name it.
FORMAT = "format"
ADAPTER = "adapter"


def read_record(folder: Path) -> dict[str, Any]:
    """The record beside the files of a classifier.

    Raises:
        UsageError: there is no such folder or record, it is damaged or leads out of the folder.
    """
    if not is_folder(folder):
        raise UsageError(f"there is no folder {str(folder)[:200]!r} of a classifier.")
    path = within(folder, folder / ADAPTER_RECORD)
    try:
        record = json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder} holds no {ADAPTER_RECORD}, so it is not known how the classifier was made; "
            "name a folder under adapters/ or classifiers/ of a finished run."
        ) from None
    except (OSError, ValueError, TypeError, RecursionError):
        record = None
    if not isinstance(record, dict) or not isinstance(record.get(FORMAT, ADAPTER), str):
        raise damaged(folder)
    if not is_intact(record):
        raise UsageError(
            f"{folder / ADAPTER_RECORD} was changed after training; restore it or train the "
            "classifier again."
        )
    return record


def damaged(folder: Path) -> UsageError:
    """The error for a record that lacks something."""
    return UsageError(f"{folder / ADAPTER_RECORD} is damaged; train the classifier again.")


def check_files(folder: Path, record: dict[str, Any]) -> None:
    """Compare the files with their hashes in the record.

    Raises:
        RunError: one was changed or is missing.
    """
    found = find_damage(folder, record.get(FILES, {}))
    if found is not None:
        raise RunError(
            f"{found} is missing or was changed after training; restore it or train the "
            "classifier again."
        )


def trained_by(folder: Path) -> str | None:
    """The training stage that a classifier came from, or None where no complete one is there."""
    try:
        record = read_record(folder)
        check_files(folder, record)
    except (UsageError, RunError):
        return None
    return str(record.get("trained_by"))


def open_classifier(
    folder: Path, *, device: str, dtype: str, evaluation: Evaluation | None = None
) -> Fitted:
    """Open what a study or `TextClassifier.save` wrote.

    ``evaluation`` says how language models are asked; others ignore it.

    Raises:
        UsageError: the folder holds no classifier, or the record is damaged or was changed.
        RunError: a file was changed, or the base model is not the one of the training.
    """
    record = read_record(folder)
    opened: Fitted = _reader(folder, record).open_recorded(
        folder, record, device=device, dtype=dtype, evaluation=evaluation
    )
    return opened


def labels_of(folder: Path) -> tuple[str, ...]:
    """The labels that a classifier was trained with, without opening it.

    Raises:
        UsageError: the folder holds no classifier, or the record is damaged or was changed.
    """
    record = read_record(folder)
    found: tuple[str, ...] = _reader(folder, record).recorded_labels(folder, record)
    return found


def check_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Refuse settings of an evaluation in which a classifier could not answer each of its labels.

    Raises:
        UsageError: a setting leaves no room for a label.
    """
    record = read_record(folder)
    _reader(folder, record).check_evaluation(folder, record, evaluation)


def _reader(folder: Path, record: dict[str, Any]) -> Any:
    """The module that reads the format of a record."""
    if "exported_from" in record:
        raise UsageError(
            f"{folder} is an export, which its own runtime reads: see its README.md. Name the "
            "classifier that it was made from."
        )
    try:
        return registry.resolve(
            "format of a classifier", record.get(FORMAT, ADAPTER), registry.CLASSIFIER_FORMATS
        )
    except UsageError as error:
        raise UsageError(f"{folder / ADAPTER_RECORD}: {error}") from None
