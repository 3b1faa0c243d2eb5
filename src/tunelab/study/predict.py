"""Label a file of any size with a trained adapter, in bounded memory."""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from tunelab.config import Evaluation
from tunelab.data.columns import text_of
from tunelab.data.readers import check_file, read_rows
from tunelab.progress import row_bar
from tunelab.results import write_atomically
from tunelab.study.adapters import OpenedAdapter
from tunelab.study.asking import ask

# Rows that are held at once: enough for several batches of like length.
_CHUNK = 1024


def predict_rows(
    opened: OpenedAdapter, path: Path, *, text: str, evaluation: Evaluation, progress: bool = True
) -> Iterator[dict[str, Any]]:
    """For each row of a file: its number, text, label, raw answer, and why there is no label.

    A blank text is not asked; its label is None.

    Raises:
        UsageError: the file or a row of it cannot be used.
    """
    rows = (
        (number, text_of(row, text, where=path.name, number=number))
        for number, row in read_rows(path, labelled=False)
    )
    done = 0
    with row_bar("rows labelled", shown=progress) as bar:
        while chunk := list(itertools.islice(rows, _CHUNK)):
            asked_rows = [
                (place, content) for place, (_, content) in enumerate(chunk) if content.strip()
            ]
            asked = ask(
                opened.model,
                opened.encoder,
                [content for _, content in asked_rows],
                evaluation,
                title="",
                progress=False,
            )
            found = {
                place: (answer, parsed)
                for (place, _), answer, parsed in zip(
                    asked_rows, asked.answers, asked.parsed, strict=True
                )
            }
            for place, (_, content) in enumerate(chunk):
                done += 1
                if place in found:
                    answer, parsed = found[place]
                    result = (parsed.label, answer.text, parsed.reason)
                else:
                    result = (None, "", "blank text")
                label, raw, reason = result
                yield {
                    "row": done,
                    "text": content,
                    "label": label,
                    "answer": raw,
                    "reason": reason,
                }
            bar.update(len(chunk))


def predict_file(
    opened: OpenedAdapter,
    path: Path,
    *,
    text: str,
    evaluation: Evaluation,
    out: Path | None,
) -> dict[str, int]:
    """Write a JSON line for each row to ``out``, or to standard output; count the labels.

    A file appears under its name only when it is whole.

    Raises:
        UsageError: the file or a row of it cannot be used.
        RunError: ``out`` cannot be written.
    """
    check_file(path)
    counts: dict[str, int] = {}

    def write(stream: TextIO) -> None:
        for row in predict_rows(opened, path, text=text, evaluation=evaluation):
            key = row["label"] if row["label"] is not None else "(none)"
            counts[key] = counts.get(key, 0) + 1
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")

    def write_file(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as stream:
            write(stream)

    if out is None:
        write(sys.stdout)
    else:
        write_atomically(out, write_file)
    return counts
