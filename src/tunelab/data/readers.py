"""Read rows from files, one at a time, with an error that names the line."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tunelab.data.delimited import LONGEST, read_delimited
from tunelab.data.json_rows import read_json_rows
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.text_files import open_text, refuse_no_rows
from tunelab.errors import UsageError

EXTENSIONS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".xlsx")
# Those that may be packed, as in rows.csv.gz.
PACKED = ".gz"
_TEXTS = (".jsonl", ".json", ".csv", ".tsv", ".txt")
# What a person may take for a kind that is read, and what to do with it.
_ADVICE = {
    ".xls": "save it as .xlsx or as CSV UTF-8",
    ".ods": "save it as CSV UTF-8",
    ".zip": "unpack it and name the file in it",
    ".ndjson": "rename it to .jsonl",
    ".arrow": "write it as Parquet, with to_parquet",
    ".feather": "write it as Parquet, with to_parquet",
    ".pkl": "write it as Parquet, with to_parquet",
    ".pickle": "write it as Parquet, with to_parquet",
    ".parq": "rename it to .parquet",
    ".pq": "rename it to .parquet",
    ".tab": "rename it to .tsv",
    ".xlsm": "save it as .xlsx or as CSV UTF-8",
    ".gz": "name what is in it too, as in rows.csv.gz",
    ".bz2": "unpack it, or pack it as .gz",
    ".xz": "unpack it, or pack it as .gz",
    ".zst": "unpack it, or pack it as .gz",
}

Row = dict[str, Any]


def read_rows(
    path: Path, *, labelled: bool = True, notes: LoadingNotes | None = None
) -> Iterator[tuple[int, Row]]:
    """Line numbers (from 1; where a row begins) and rows of a file, in bounded memory.

    Kinds by extension: .jsonl and .json (an object a line, an array, or a table in one object),
    .csv and .tsv with a header, .parquet, .xlsx, and .txt with ``text;label`` lines, cut at the
    last semicolon. Unlabelled .txt lines are texts as a whole. Text files may be packed (.gz).
    What is unusual is added to ``notes``.

    Raises:
        UsageError: the file is missing, empty, in another encoding, of an unknown kind, would
            become far more than it is, or a row is malformed or too long.
    """
    check_data_file(path)
    notes = LoadingNotes() if notes is None else notes
    empty = True
    try:
        for row in _reader(path, labelled, notes):
            empty = False
            yield row
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"{path} is not a complete gzip file; pack it again.") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}.") from None
    if empty:
        raise UsageError(f"{path} holds no rows.")


def _reader(path: Path, labelled: bool, notes: LoadingNotes) -> Iterator[tuple[int, Row]]:
    kind = kind_of(path)
    # Lines of text may as well be the sources of pages.
    if kind != ".txt" or labelled:
        refuse_no_rows(path)
    if kind == ".parquet":
        from tunelab.data.parquet_rows import read_parquet_rows

        return read_parquet_rows(path, notes)
    if kind == ".xlsx":
        from tunelab.data.excel_rows import read_excel_rows

        return read_excel_rows(path, notes)
    if kind in (".jsonl", ".json"):
        return read_json_rows(path)
    if kind == ".txt":
        return _read_labelled_lines(path) if labelled else _read_lines(path)
    return read_delimited(path, "\t" if kind == ".tsv" else ",", notes)


def kind_of(path: Path) -> str:
    """The extension that tells how a file is read, without that of a packed one."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [PACKED] and suffixes[-2:-1] and suffixes[-2] in _TEXTS:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def name_of(path: Path) -> str:
    """The name of a file without what tells its kind."""
    kind = kind_of(path)
    return path.name.lower().removesuffix(PACKED).removesuffix(kind)


def check_data_file(path: Path) -> None:
    """Refuse what cannot be a data file, without reading it.

    Raises:
        UsageError: it is missing, a folder, empty, or of an unknown kind.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise UsageError(f"cannot open {str(path)!r}: {error.strerror}.") from None
    if is_folder:
        raise UsageError(f"{path} is a folder, and a file is needed here.")
    if not is_file:
        raise UsageError(f"there is no file {str(path)!r}.")
    kind = kind_of(path)
    if kind not in EXTENSIONS:
        advice = f"; {_ADVICE[kind]}" if kind in _ADVICE else ""
        raise UsageError(
            f"{path}: unknown kind of file {kind!r}{advice}; known are {', '.join(EXTENSIONS)}, "
            f"and those of text packed as {PACKED}."
        )
    if path.stat().st_size == 0:
        raise UsageError(f"{path} is empty.")


def _read_labelled_lines(path: Path) -> Iterator[tuple[int, Row]]:
    with open_text(path) as file:
        for number, line in _lines(file, path):
            if not line.strip():
                continue
            text, separator, label = line.rstrip("\r\n").rpartition(";")
            if not separator:
                tabs = "\t" in line
                if line.startswith("__label__"):
                    hint = (
                        "it is written as fastText reads it: write the text, a semicolon and the "
                        "label without __label__"
                    )
                elif tabs:
                    hint = "it has a tab: name the file .tsv and write a header above it"
                else:
                    hint = "write the text, a semicolon and the label"
                raise UsageError(f"{path}, line {number} has no semicolon; {hint}.")
            yield number, {"text": text, "label": label.strip()}


def _read_lines(path: Path) -> Iterator[tuple[int, Row]]:
    with open_text(path) as file:
        for number, line in _lines(file, path):
            if line.strip():
                yield number, {"text": line.rstrip("\r\n")}


def _lines(file: IO[str], path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise UsageError(f"{path}, line {number}: a line of {LONGEST:,} characters or more.")
        yield number, line
