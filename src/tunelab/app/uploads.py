"""Uploaded files: read in the app's own folder, and copied under their own name."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tunelab.data.column_guess import Proposal, propose_columns
from tunelab.data.columns import to_examples
from tunelab.data.examples import Dataset
from tunelab.data.label_sets import settle_labels
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import EXTENSIONS, check_data_file, read_rows
from tunelab.errors import TunelabError, UsageError
from tunelab.guards.visible_text import visible

KINDS = EXTENSIONS
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Upload:
    """What is known of a file that was read: its rows, its columns, and which to use."""

    rows: int
    columns: tuple[str, ...]
    proposal: Proposal


@dataclass(frozen=True)
class Labels:
    """The rows of each label, the most frequent first, and what is unusual about the file."""

    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()


def accept(path: object, scratch: Path, max_bytes: int) -> Path:
    """An upload, if it lies in the app's own folder, is small enough and of a known kind.

    Raises:
        UsageError: it is none of that, or none was given.
    """
    if not isinstance(path, str) or not path:
        raise UsageError("choose a file first.")
    file = Path(path)
    if not file.resolve().is_relative_to(scratch.resolve()) or not file.is_file():
        raise UsageError("upload the file again.")
    if file.stat().st_size > max_bytes:
        raise UsageError(f"the file is larger than {max_bytes / 1e6:.0f} MB.")
    with named(file):
        check_data_file(file)
    return file


def look_at(file: Path, *, labelled: bool) -> Upload:
    """Read a file and propose its columns.

    Raises:
        UsageError: a row cannot be read.
    """
    return _look_at(file, file.stat().st_mtime_ns, labelled)


@lru_cache(maxsize=8)
def _look_at(file: Path, changed: int, labelled: bool) -> Upload:
    with named(file):
        rows = [row for _, row in read_rows(file, labelled=labelled)]
    columns = dict.fromkeys(str(name) for row in rows for name in row)
    return Upload(len(rows), tuple(columns), propose_columns(rows))


def count_labels(file: Path, text: str, label: str) -> Labels:
    """How many rows each label has, and the notes that `tunelab prepare` has on them.

    Raises:
        UsageError: a row cannot be used.
    """
    return _count_labels(file, file.stat().st_mtime_ns, text, label)


@lru_cache(maxsize=8)
def _count_labels(file: Path, changed: int, text: str, label: str) -> Labels:
    notes = LoadingNotes()
    with named(file):
        rows = read_rows(file, notes=notes)
        examples = to_examples(rows, text=text, label=label, where=file.name, notes=notes)
    names = sorted({example.label for example in examples})
    splits = {"train": examples, "validation": [], "test": []}
    settled = settle_labels(Dataset(splits, names, origin="", licence="", hash=""), notes)
    counts = Counter(example.label for example in settled.splits["train"])
    return Labels(dict(counts.most_common()), tuple(notes.sentences))


def keep(file: Path, folder: Path) -> Path:
    """A copy in ``folder`` under the user's name of the file, without characters that hide."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = visible(file.stem).lstrip(".")[:_LONGEST_NAME].strip() or "data"
    target = folder / f"{stem}{file.suffix.lower()}"
    shutil.copyfile(file, target)
    return target


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Errors within name the file, and not its path on this machine."""
    try:
        yield
    except TunelabError as error:
        raise type(error)(str(error).replace(str(file), file.name)) from None
