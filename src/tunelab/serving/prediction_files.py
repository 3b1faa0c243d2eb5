"""Rows with labels as text or in a file, in the form that an ending says."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from tunelab.guards.spreadsheet import csv_cell
from tunelab.runs.results import write_atomically

# A column that is there where it was asked for: of each row the probability of each label.
ALL_LABELS = "probabilities"
# A list of labels, which is there where it was asked for; in .csv and .tsv it is written as JSON.
LABEL_SET = "label_set"
DELIMITERS = {"csv": ",", "tsv": "\t"}


def write_tables(target: Path, tables: Callable[[], Iterator[Any]], *, named: bool) -> None:
    """Write Arrow tables of the same columns into ``target``, one after the other.

    ``tables`` gives them. ``named`` keeps the column ``file``, which .parquet always has. In .csv
    and .tsv a cell that a spreadsheet would run as a formula begins with an apostrophe, and a
    missing value is an empty cell; .jsonl, .json and .parquet hold every text as it is.

    Raises:
        RunError: ``target`` cannot be written.
    """
    write = _WRITERS[ending_of(target.name)]
    write_atomically(target, lambda temporary: write(temporary, tables(), named))


def ending_of(name: str) -> str:
    """What stands behind the last dot of a name, in lower case; empty without a dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def read_probability(value: Any) -> float | None:
    """A probability as a cell of any kind of file holds it; None where it is no probability."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def _write_json_lines(path: Path, tables: Iterator[Any], named: bool) -> None:
    with _opened(path) as stream:
        for row in _rows(tables, named):
            stream.write(f"{_json(row)}\n")


def _write_json_array(path: Path, tables: Iterator[Any], named: bool) -> None:
    with _opened(path) as stream:
        stream.write("[")
        for number, row in enumerate(_rows(tables, named)):
            stream.write(f"{',' if number else ''}\n{_json(row)}")
        stream.write("\n]\n")


def _write_cells(path: Path, tables: Iterator[Any], named: bool, *, delimiter: str) -> None:
    with _opened(path) as stream:
        # The probabilities of all labels have a column each.
        flat = (table.flatten() for table in tables)
        write_cells(stream, _rows(flat, named), delimiter=delimiter)


def write_cells(stream: IO[str], rows: Iterable[Mapping[str, Any]], *, delimiter: str) -> None:
    """Write rows with the same keys as CSV with a header, of which no cell is a formula."""
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    for number, row in enumerate(rows):
        if not number:
            writer.writerow(map(csv_cell, row))
        writer.writerow(csv_cell(_written(value)) for value in row.values())


def _write_parquet(path: Path, tables: Iterator[Any], named: bool) -> None:
    import pyarrow.parquet as pq

    first = next(tables)
    with pq.ParquetWriter(path, first.schema, write_page_checksum=True) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _rows(tables: Iterator[Any], named: bool) -> Iterator[dict[str, Any]]:
    for table in tables:
        yield from (table if named else table.drop_columns("file")).to_pylist()


def write_lines(
    stream: IO[str], rows: Iterable[Mapping[str, Any]], form: str, all_labels: Sequence[str] = ()
) -> None:
    """Write rows one by one, as JSON (``form`` jsonl) or as csv or tsv.

    In csv and tsv each of ``all_labels`` has a column for its probability.
    """
    if form == "jsonl":
        for row in rows:
            stream.write(f"{_json(row)}\n")
        return

    def flat() -> Iterator[dict[str, Any]]:
        for row in rows:
            known = row.get(ALL_LABELS) or {}
            cells = {key: value for key, value in row.items() if key != ALL_LABELS}
            yield cells | {f"{ALL_LABELS}.{label}": known.get(label) for label in all_labels}

    write_cells(stream, flat(), delimiter=DELIMITERS[form])


def _written(value: Any) -> Any:
    """A truth value and a list as JSON writes them; others as they are."""
    if isinstance(value, list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else value


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _opened(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="")


_WRITERS: Mapping[str, Callable[[Path, Iterator[Any], bool], None]] = {
    **{name: partial(_write_cells, delimiter=mark) for name, mark in DELIMITERS.items()},
    "jsonl": _write_json_lines,
    "ndjson": _write_json_lines,
    "json": _write_json_array,
    "parquet": _write_parquet,
}
ENDINGS = tuple(_WRITERS)
