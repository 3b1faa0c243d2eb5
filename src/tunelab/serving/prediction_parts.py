"""The folder of a large prediction: Parquet parts, each whole or absent, and a record at the end.

    predict.json            what is labelled, with what, and the rows of a part
    part-00000000.parquet   file, row, text, label, answer, reason, probability, needs_review, and
                            label_set and the probabilities of all labels where they were asked for
    result.json             written last: its presence means that every row has its answer

A chunk of rows has one part, named by the chunk's number. Whoever labels a chunk again writes the
same part again, so that no row is lost and none is there twice, however often a worker dies.
"""

import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunelab.classifiers.contract import LabelAnswer
from tunelab.errors import RunError, UsageError
from tunelab.runs.results import RECORD
from tunelab.runs.seals import FILES, SEAL, is_intact, sealed
from tunelab.runs.storage import join, list_files, read_bytes, remove, write_bytes
from tunelab.serving.prediction_files import ALL_LABELS, LABEL_SET, write_tables
from tunelab.serving.reviewed_answers import ReviewedAnswer, as_reviewed
from tunelab.serving.text_chunks import Chunk

_log = logging.getLogger(__name__)

ORDER = "predict.json"
NO_LABEL = "(none)"
COLUMNS = ("file", "row", "text", "label", "answer", "reason", "probability", "needs_review")
# Columns that are there where they were asked for, behind the others.
OPTIONAL = (LABEL_SET, ALL_LABELS)
Answers = Mapping[str, LabelAnswer]


@dataclass(frozen=True)
class Counts:
    """How many rows got each label, and how many of them need a person."""

    labels: Mapping[str, int]
    to_review: int = 0


Work = Callable[[Iterable[Chunk]], Iterator[tuple[Chunk, Counts]]]


@dataclass(frozen=True)
class Labelled:
    """How many rows there are, and how many got each label; ``kept`` were there before.

    ``to_review`` need a person, as far as there is a rule that says so.
    """

    rows: int
    parts: int
    labels: Mapping[str, int]
    kept: int
    to_review: int = 0


def label_parts(
    chunks: Iterable[Chunk],
    out: str,
    order: Mapping[str, Any],
    work: Work,
    *,
    on_rows: Callable[[int], object] = lambda _: None,
) -> Labelled:
    """Let ``work`` write the part of every chunk that has none, then write the record.

    A part that was damaged is none. Where the files were changed since, ``work`` gets the texts
    that their part has no answer for, and the others keep theirs.

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
    rows = kept = parts = to_review = 0
    # Chunks of which only some texts are being labelled, with the answers to the others.
    partly: dict[int, tuple[Chunk, Answers]] = {}

    def count(counts: Counts) -> None:
        nonlocal to_review
        to_review += counts.to_review
        for label, number in counts.labels.items():
            labels[label] = labels.get(label, 0) + number

    def missing() -> Iterator[Chunk]:
        nonlocal rows, kept, parts
        for chunk in chunks:
            rows += len(chunk.texts)
            parts += 1
            table = _part_of(out, chunk) if chunk.number in there else None
            if table is not None and _is_of(table, chunk):
                count(_count(table["label"].to_pylist(), table["needs_review"].to_pylist()))
                kept += len(chunk.texts)
                on_rows(len(chunk.texts))
                continue
            known = _answers(table)
            fresh = tuple(dict.fromkeys(text for text in chunk.texts if text not in known))
            answered = sum(text in known for text in chunk.texts)
            kept += answered
            if not answered:
                yield chunk
            elif fresh:
                partly[chunk.number] = chunk, known
                yield replace(chunk, texts=fresh)
            else:
                count(write_part(out, chunk, [known[text] for text in chunk.texts]))
                on_rows(len(chunk.texts))

    for chunk, counts in work(missing()):
        if chunk.number in partly:
            whole, known = partly.pop(chunk.number)
            known = {**known, **_answers(_part_of(out, chunk))}
            counts = write_part(out, whole, [known[text] for text in whole.texts])
            chunk = whole
        count(counts)
        on_rows(len(chunk.texts))
    if sum(labels.values()) != rows:
        raise RunError(
            f"{out} has answers for {sum(labels.values())} of {rows} rows; run the same again."
        )
    for number in sorted(there):
        if number >= parts:
            # Of rows that are no longer in the files.
            remove(join(out, part_name(number)))
    record = {"version": 1, "rows": rows, "parts": parts, "labels": labels}
    record["to_review"] = to_review
    write_bytes(join(out, RECORD), _json(sealed(record, {})))
    return Labelled(rows, parts, labels, kept, to_review)


def columns_of(answer: LabelAnswer) -> dict[str, Any]:
    """An answer as the columns of a part."""
    reviewed = as_reviewed(answer)
    found: dict[str, Any] = {
        "label": reviewed.label,
        "answer": reviewed.raw,
        "reason": reviewed.reason,
        "probability": reviewed.probability,
        "needs_review": reviewed.needs_review,
    }
    if reviewed.label_set is not None:
        found[LABEL_SET] = list(reviewed.label_set)
    if reviewed.probabilities is not None:
        found[ALL_LABELS] = dict(reviewed.probabilities)
    return found


def write_part(out: str, chunk: Chunk, answers: Sequence[LabelAnswer]) -> Counts:
    """Write a chunk's part; how many rows got each label, and how many need a person.

    ``answers`` are those to the texts of the chunk.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [columns_of(answer) for answer in answers]
    columns: dict[str, Sequence[Any]] = {
        "file": [chunk.file] * len(chunk.texts),
        "row": range(chunk.first, chunk.first + len(chunk.texts)),
        "text": chunk.texts,
    }
    columns |= {name: [row[name] for row in rows] for name in COLUMNS if name not in columns}
    kinds = {"row": pa.int64(), "probability": pa.float64(), "needs_review": pa.bool_()}
    if any(LABEL_SET in row for row in rows):
        columns[LABEL_SET] = [row.get(LABEL_SET) for row in rows]
        kinds[LABEL_SET] = pa.list_(pa.string())
    named = next((row[ALL_LABELS] for row in rows if ALL_LABELS in row), None)
    if named is not None:
        columns[ALL_LABELS] = [row.get(ALL_LABELS) for row in rows]
        kinds[ALL_LABELS] = pa.struct([(label, pa.float64()) for label in named])
    arrays = [pa.array(column, kinds.get(name, pa.string())) for name, column in columns.items()]
    stream = io.BytesIO()
    table = pa.Table.from_arrays(arrays, names=list(columns))
    pq.write_table(table, stream, write_page_checksum=True)
    write_bytes(join(out, part_name(chunk.number)), stream.getvalue())
    return _count(columns["label"], columns["needs_review"])


def part_name(number: int) -> str:
    """The file of a chunk's part."""
    return f"part-{number:08d}.parquet"


def join_parts(out: Path, parts: int, target: Path, *, named: bool = False) -> None:
    """One file of all parts, in the order of the rows, as the ending of ``target`` says.

    ``named``: with the name of each row's file, which .parquet always has.

    Raises:
        RunError: ``target`` cannot be written, or a part is damaged.
    """
    files = [out / part_name(number) for number in range(parts)]
    kinds = _optional_columns(files)
    write_tables(target, lambda: (_table(part, kinds) for part in files), named=named)


def _table(part: Path, kinds: Mapping[str, Any]) -> Any:
    """The rows of a part; ``kinds`` are the types of the optional columns that some part has."""
    import pyarrow as pa

    table = _read(part.read_bytes())
    if table is None:
        raise RunError(f"{part} is damaged; run the same again.")
    for name, kind in kinds.items():
        if name not in table.column_names:
            # A part of blank texts alone.
            table = table.append_column(name, pa.nulls(len(table), kind))
    return table.select([*COLUMNS, *kinds])


def _optional_columns(files: Sequence[Path]) -> dict[str, Any]:
    """The optional columns that some part has, with their types."""
    import pyarrow
    import pyarrow.parquet as pq

    found: dict[str, Any] = {}
    for part in files:
        try:
            schema = pq.read_schema(part)
        except (pyarrow.ArrowException, OSError):
            # Reading it will tell.
            continue
        for name in OPTIONAL:
            if name in schema.names:
                found.setdefault(name, schema.field(name).type)
    return {name: found[name] for name in OPTIONAL if name in found}


def _read(content: bytes) -> Any:
    """The rows of a part, or None if it is damaged."""
    import pyarrow
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
    except (pyarrow.ArrowException, OSError):
        return None
    found = tuple(table.column_names)
    known = (*COLUMNS, *(name for name in OPTIONAL if name in found))
    return table if found == known else None


def _begin(out: str, order: Mapping[str, Any]) -> Labelled | None:
    """Record the order, or see that it is the same; what is there if it was carried out.

    ``inputs`` of the order are the files, as :func:`~.text_chunks.identity_of` tells them. A seal
    keeps hashes of its own under ``files``.
    """
    wanted = _json(sealed({"version": 1, **order}, {}))
    before = read_bytes(join(out, ORDER))
    if before is None:
        if _parts(out):
            raise UsageError(f"{out} holds parts of something else; name another --out.")
        write_bytes(join(out, ORDER), wanted)
    elif _record(before) is None:
        raise RunError(f"{join(out, ORDER)} is damaged; remove {out} and run again.")
    elif before != wanted:
        if not _same_but_edited(_record(before) or {}, order):
            raise UsageError(
                f"{out} was begun with other files, another adapter or other settings; name "
                "another --out, or remove it."
            )
        _log.warning("The files were changed since %s was written; changed rows are labelled.", out)
        # In this order, so that a call that is killed in between finds no record of the old rows.
        remove(join(out, RECORD))
        write_bytes(join(out, ORDER), wanted)
    found = _record(read_bytes(join(out, RECORD)) or b"")
    if found is None:
        return None
    rows, to_review = found["rows"], found.get("to_review", 0)
    return Labelled(rows, found["parts"], found["labels"], kept=rows, to_review=to_review)


def _record(content: bytes) -> dict[str, Any] | None:
    """A sealed record, or None if it is damaged."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and SEAL in record and is_intact(record) else None


def _parts(out: str) -> set[int]:
    """The numbers of the parts that are there."""
    found = set()
    for name in list_files(out):
        stem, _, ending = name.partition(".")
        if ending == "parquet" and stem.startswith("part-") and stem[5:].isdecimal():
            found.add(int(stem[5:]))
    return found


def _same_but_edited(before: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Whether all that differs is what is in the files, which have the same names."""

    def apart(asked: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: asked[key] for key in asked if key not in ("version", SEAL, FILES)}
        return {**kept, "inputs": [about["file"] for about in asked.get("inputs", ())]}

    return bool(order.get("inputs")) and apart(before) == apart(order)


def _part_of(out: str, chunk: Chunk) -> Any:
    """The rows of a chunk's part, or None if it is damaged."""
    return _read(read_bytes(join(out, part_name(chunk.number))) or b"")


def _is_of(table: Any, chunk: Chunk) -> bool:
    """Whether a part holds the rows of a chunk as they are now."""
    return (
        table["text"].to_pylist() == list(chunk.texts)
        and table["row"].to_pylist() == list(range(chunk.first, chunk.first + len(chunk.texts)))
        and set(table["file"].to_pylist()) <= {chunk.file}
    )


def _answers(table: Any) -> Answers:
    """The answers of a part by text."""
    if table is None:
        return {}
    return {
        row["text"]: ReviewedAnswer(
            row["label"],
            row["reason"],
            row["answer"],
            probability=row["probability"],
            needs_review=row["needs_review"],
            probabilities=row.get(ALL_LABELS),
            label_set=None if row.get(LABEL_SET) is None else tuple(row[LABEL_SET]),
        )
        for row in table.drop_columns(["file", "row"]).to_pylist()
    }


def _count(labels: Iterable[str | None], needed: Iterable[bool | None]) -> Counts:
    counts: dict[str, int] = {}
    for label in labels:
        key = NO_LABEL if label is None else label
        counts[key] = counts.get(key, 0) + 1
    return Counts(counts, sum(one is True for one in needed))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
