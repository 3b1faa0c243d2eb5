"""Label files of any size with a saved classifier, in bounded memory."""

import errno
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from tunelab.classifiers.labelling import Labels, label_texts
from tunelab.errors import RunError, UsageError
from tunelab.progress import row_bar
from tunelab.runs.results import disk_failure
from tunelab.runs.stages import locked
from tunelab.runs.storage import is_remote
from tunelab.serving.prediction_files import LABEL_SET, write_lines
from tunelab.serving.prediction_parts import (
    NO_LABEL,
    Counts,
    Labelled,
    Work,
    columns_of,
    join_parts,
    label_parts,
    write_part,
)
from tunelab.serving.prediction_target import Target
from tunelab.serving.text_chunks import Chunk, identity_of, read_chunks

# Rows of a part: what a kill can cost, and what is held at once.
PART_ROWS = 4096


def predict_rows(
    opened: Labels,
    files: Sequence[str],
    *,
    text: str,
    rows: int = PART_ROWS,
    progress: bool = True,
) -> Iterator[dict[str, Any]]:
    """For each row: its number in its file, text, label, raw answer, why there is no label, the
    label's probability and whether a person should look at it; see :class:`.Reviewing`.

    With several files each row begins with the name of its own.

    Raises:
        UsageError: a file or a row of it cannot be used.
    """
    with row_bar("rows labelled", shown=progress) as bar:
        for chunk in read_chunks(files, text=text, rows=rows):
            answers = label_texts(opened, chunk.texts)
            for position, (content, answer) in enumerate(zip(chunk.texts, answers, strict=True)):
                named = {"file": chunk.file} if len(files) > 1 else {}
                row = {"row": chunk.first + position, "text": content}
                yield {**named, **row, **columns_of(answer)}
            bar.update(len(chunk.texts))


def print_labels(
    opened: Labels,
    files: Sequence[str],
    *,
    text: str,
    rows: int = PART_ROWS,
    form: str = "jsonl",
    all_labels: Sequence[str] = (),
    label_sets: bool = False,
) -> Labelled:
    """Write a line for each row to standard output, as JSON or, as ``form`` says, as csv or tsv.

    ``all_labels`` have a column each in csv and tsv, where their probabilities were asked for, and
    ``label_sets`` have one.

    Raises:
        UsageError: a file or a row of it cannot be used.
        RunError: standard output cannot be written, as its disk is full.
    """
    counts: dict[str, int] = {}
    to_review = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal to_review
        for row in predict_rows(opened, files, text=text, rows=rows):
            key = row["label"] if row["label"] is not None else NO_LABEL
            counts[key] = counts.get(key, 0) + 1
            to_review += row["needs_review"] is True
            if label_sets:
                # A blank text has none, and its row as many columns as the others.
                row.setdefault(LABEL_SET, None)
            yield row

    try:
        write_lines(sys.stdout, counted(), form, all_labels)
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        reason = disk_failure(error)
        raise RunError(f"cannot write to standard output: {reason}.") from None
    return Labelled(sum(counts.values()), 0, counts, kept=0, to_review=to_review)


def label_here(
    chunks: Iterable[Chunk], *, opened: Labels, out: str
) -> Iterator[tuple[Chunk, Counts]]:
    """Label chunks one after the other in this process."""
    for chunk in chunks:
        yield chunk, write_part(out, chunk, label_texts(opened, chunk.texts))


def predict_files(
    files: Sequence[str],
    target: Target,
    *,
    adapter: str,
    text: str,
    rows: int,
    work: "partial[Iterator[tuple[Chunk, Counts]]]",
    review: Mapping[str, Any] | None = None,
) -> Labelled:
    """Label every row of files; a call that was killed continues where it was.

    ``target`` is a folder (or a URL) of Parquet parts, or a file that they become when all are
    there. ``adapter`` tells what labels from what did, and ``work`` takes chunks and, as ``out``,
    where their parts go. ``review`` is what was asked for beside what the classifier has: a
    threshold, an accuracy, the probabilities of all labels.

    Raises:
        UsageError: a file or row cannot be used, or the parts were begun with something else.
        RunError: the target cannot be written, or another process writes to it.
    """
    parts = target.parts
    if parts is None:
        raise UsageError("labels on the screen have no parts; name a file or a folder.")
    order = {"adapter": adapter, "text": text, "part_rows": rows, "inputs": identity_of(files)}
    if review:
        order["review"] = dict(review)
    do: Work = partial(work, out=parts)
    with ExitStack() as stack:
        if not is_remote(parts):
            stack.enter_context(locked(Path(parts)))
        bar = stack.enter_context(row_bar("rows labelled"))
        chunks = read_chunks(files, text=text, rows=rows)
        labelled = label_parts(chunks, parts, order, do, on_rows=bar.update)
        if target.file is not None:
            join_parts(Path(parts), labelled.parts, target.file, named=len(files) > 1)
    if target.file is not None:
        shutil.rmtree(parts, ignore_errors=True)
    return labelled


def adapter_hash(folder: Path) -> str:
    """SHA-256 over the files of a classifier."""
    digest = sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in {".json", ".safetensors", ".skops"}:
            digest.update(file.name.encode())
            with file.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
    return digest.hexdigest()
