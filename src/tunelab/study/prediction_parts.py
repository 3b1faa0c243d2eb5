"""The folder of a large prediction: Parquet parts, each whole or absent, and a record at the end.

    predict.json            what is labelled, with what, and the rows of a part
    part-00000000.parquet   file, row, text, label, answer, reason
    result.json             written last: its presence means that every row has its answer

A chunk of rows has one part, named by the chunk's number. Whoever labels a chunk again writes the
same part again, so that no row is lost and none is there twice, however often a worker dies.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.results import RECORD, write_atomically
from tunelab.storage import join, list_files, read_bytes, write_bytes
from tunelab.study.text_chunks import Chunk

ORDER = "predict.json"
NO_LABEL = "(none)"
COLUMNS = ("file", "row", "text", "label", "answer", "reason")
Counts = Mapping[str, int]
Work = Callable[[Iterable[Chunk]], Iterator[tuple[Chunk, Counts]]]


@dataclass(frozen=True)
class Labelled:
    """How many rows there are, and how many got each label; ``kept`` were there before."""

    rows: int
    parts: int
    labels: Mapping[str, int]
    kept: int


def label_parts(
    chunks: Iterable[Chunk],
    out: str,
    order: Mapping[str, Any],
    work: Work,
    *,
    on_rows: Callable[[int], object] = lambda _: None,
) -> Labelled:
    """Let ``work`` write the part of every chunk that has none, then write the record.

    ``order`` says what is asked; parts of another order are not gone on with. ``on_rows`` hears
    of rows that are done.

    Raises:
        UsageError: ``out`` was begun with another order.
        RunError: ``out`` cannot be read or written.
    """
    done = _begin(out, order)
    if done is not None:
        on_rows(done.rows)
        return done
    there = _parts(out)
    labels: dict[str, int] = {}
    rows = kept = parts = 0

    def count(counts: Counts) -> None:
        for label, number in counts.items():
            labels[label] = labels.get(label, 0) + number

    def missing() -> Iterator[Chunk]:
        nonlocal rows, kept, parts
        for chunk in chunks:
            rows += len(chunk.texts)
            parts += 1
            if chunk.number in there:
                count(_counts_of(out, chunk))
                kept += len(chunk.texts)
                on_rows(len(chunk.texts))
            else:
                yield chunk

    for chunk, counts in work(missing()):
        count(counts)
        on_rows(len(chunk.texts))
    if sum(labels.values()) != rows:
        raise RunError(
            f"{out} has answers for {sum(labels.values())} of {rows} rows; run the same again."
        )
    record = {"version": 1, "rows": rows, "parts": parts, "labels": labels}
    write_bytes(join(out, RECORD), _json(record))
    return Labelled(rows, parts, labels, kept)


def write_part(out: str, chunk: Chunk, answers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Write a chunk's part; how many rows got each label.

    ``answers`` has label, answer and reason of each text of the chunk.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Sequence[Any]] = {
        "file": [chunk.file] * len(chunk.texts),
        "row": range(chunk.first, chunk.first + len(chunk.texts)),
        "text": chunk.texts,
        **{key: [entry[key] for entry in answers] for key in ("label", "answer", "reason")},
    }
    arrays = [
        pa.array(columns[name], type=pa.int64() if name == "row" else pa.string())
        for name in COLUMNS
    ]
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=list(COLUMNS)), stream)
    write_bytes(join(out, part_name(chunk.number)), stream.getvalue())
    return _count(columns["label"])


def part_name(number: int) -> str:
    """The file of a chunk's part."""
    return f"part-{number:08d}.parquet"


def join_parts(out: Path, parts: int, target: Path) -> None:
    """One file of all parts, in the order of the rows: .parquet, or JSON lines without the file.

    Raises:
        RunError: ``target`` cannot be written.
    """
    import pyarrow.parquet as pq

    files = [out / part_name(number) for number in range(parts)]

    def write_parquet(temporary: Path) -> None:
        with pq.ParquetWriter(temporary, pq.read_schema(files[0])) as writer:
            for file in files:
                writer.write_table(pq.read_table(file))

    def write_lines(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as stream:
            for file in files:
                for row in pq.read_table(file).drop_columns("file").to_pylist():
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")

    write_atomically(target, write_parquet if target.suffix == ".parquet" else write_lines)


def _begin(out: str, order: Mapping[str, Any]) -> Labelled | None:
    """Record the order, or see that it is the same; what is there if it was carried out."""
    wanted = _json({"version": 1, **order})
    before = read_bytes(join(out, ORDER))
    if before is None:
        if _parts(out):
            raise UsageError(f"{out} holds parts of something else; name another --out.")
        write_bytes(join(out, ORDER), wanted)
    elif before != wanted:
        raise UsageError(
            f"{out} was begun with other files, another adapter or other settings; name another "
            "--out, or remove it."
        )
    record = read_bytes(join(out, RECORD))
    if record is None:
        return None
    try:
        found = json.loads(record)
        return Labelled(found["rows"], found["parts"], found["labels"], kept=found["rows"])
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{join(out, RECORD)} is damaged; remove it and run again.") from None


def _parts(out: str) -> set[int]:
    """The numbers of the parts that are there."""
    found = set()
    for name in list_files(out):
        stem, _, ending = name.partition(".")
        if ending == "parquet" and stem.startswith("part-") and stem[5:].isdecimal():
            found.add(int(stem[5:]))
    return found


def _counts_of(out: str, chunk: Chunk) -> dict[str, int]:
    import pyarrow
    import pyarrow.parquet as pq

    location = join(out, part_name(chunk.number))
    try:
        content = read_bytes(location) or b""
        labels = pq.read_table(io.BytesIO(content), columns=["label"])["label"].to_pylist()
    except (pyarrow.ArrowException, OSError, KeyError):
        labels = []
    if len(labels) != len(chunk.texts):
        raise RunError(f"{location} is damaged; remove it and run again.")
    return _count(labels)


def _count(labels: Iterable[str | None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for label in labels:
        key = NO_LABEL if label is None else label
        counts[key] = counts.get(key, 0) + 1
    return counts


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
