"""Read rows from files, one at a time, with an error that names the line."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tunelab.bounded_parquet import check_parquet
from tunelab.errors import UsageError

EXTENSIONS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt")

# Characters of a line or a cell: a quotation mark that is never closed takes the rest of a file.
_LONGEST = 16_000_000

Row = dict[str, Any]


def read_rows(path: Path, *, labelled: bool = True) -> Iterator[tuple[int, Row]]:
    """Line numbers (from 1) and rows of a file, in bounded memory.

    Kinds by extension: .jsonl (or .json, one object a line), .csv and .tsv with a header,
    .parquet, and .txt with ``text;label`` lines, cut at the last semicolon. Unlabelled .txt
    lines are texts as a whole.

    Raises:
        UsageError: the file is missing, empty, not UTF-8, of an unknown kind, would become far
            more than it is, or a row is malformed or too long.
    """
    check_file(path)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _read_parquet(path)
        return
    reader = {
        ".jsonl": _read_jsonl,
        ".json": _read_jsonl,
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".txt": _read_labelled_lines if labelled else _read_lines,
    }[suffix]
    empty = True
    try:
        for row in reader(path):
            empty = False
            yield row
    except UnicodeDecodeError:
        raise UsageError(
            f"{path}, line {_undecodable_line(path)}: not UTF-8; save the file as UTF-8."
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}.") from None
    if empty:
        raise UsageError(f"{path} holds no rows.")


def check_file(path: Path) -> None:
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
    if path.suffix.lower() not in EXTENSIONS:
        raise UsageError(
            f"{path}: unknown kind of file {path.suffix!r}; known are {', '.join(EXTENSIONS)}."
        )
    if path.stat().st_size == 0:
        raise UsageError(f"{path} is empty.")


def _read_jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in _lines(file, path):
            if not line.strip():
                continue
            try:
                row = json.loads(line, parse_constant=lambda _: None)
            except (ValueError, RecursionError):
                raise UsageError(f"{path}, line {number}: not a JSON object.") from None
            if not isinstance(row, dict):
                raise UsageError(f"{path}, line {number}: not a JSON object.")
            yield number, row


def _read_csv(path: Path) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(_LONGEST)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next((cells for cells in reader if cells), [])
            twice = [name for name, count in Counter(header).items() if count > 1]
            if twice:
                raise UsageError(f"{path}: the column {twice[0]!r} stands twice in the header.")
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise UsageError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells, but the header has "
                        f"{len(header)}; put a text with commas in double quotes."
                    )
                yield reader.line_num, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num}: {error}.") from None


def _read_labelled_lines(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in _lines(file, path):
            if not line.strip():
                continue
            text, separator, label = line.rstrip("\r\n").rpartition(";")
            if not separator:
                raise UsageError(f"{path}, line {number}: not text;label, there is no semicolon.")
            yield number, {"text": text, "label": label.strip()}


def _read_lines(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in _lines(file, path):
            if line.strip():
                yield number, {"text": line.rstrip("\r\n")}


def _lines(file: IO[str], path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        if len(line) == _LONGEST:
            raise UsageError(f"{path}, line {number}: a line of {_LONGEST:,} characters or more.")
        yield number, line


def _read_parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        check_parquet(path)
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows == 0:
                raise UsageError(f"{path} holds no rows.")
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except UnicodeDecodeError:
        raise UsageError(
            f"{path}, after row {number}: not UTF-8; write the text columns as UTF-8."
        ) from None
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        # A date that Python has no name for is a ValueError or an OverflowError.
        reason = (str(error).splitlines() or [""])[0][:120]
        raise UsageError(f"{path} is no whole Parquet file ({reason}).") from None


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
