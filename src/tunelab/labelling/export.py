"""The labels as a file of rows that a study reads as its data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tunelab.errors import UsageError
from tunelab.labelling.project import Project
from tunelab.labelling.records import settled
from tunelab.runs.results import write_atomically
from tunelab.serving.prediction_files import write_cells


@dataclass(frozen=True)
class Exported:
    """How many rows were written, and how many were left out as their labels differ."""

    rows: int
    unsettled: int


def export_labels(project: Project, target: Path) -> Exported:
    """Write a row for each text that has a label, as .csv or .jsonl.

    Columns: text and label; who gave it and when (UTC), several joined with "; "; row, its id;
    number, its line in the file; said and probability, what the classifier had said. The label is
    the one that more than half of the people gave. Rows whose labels differ otherwise are left
    out. Labels of the file itself have no who; of a row in doubt they are left out until somebody
    labels it. In .csv an apostrophe stands before a text that a spreadsheet would run as a formula;
    .jsonl holds every text as it is.

    Raises:
        UsageError: there is no label yet, or the file is of another kind.
        RunError: the file cannot be written.
    """
    write = _WRITERS.get(target.suffix)
    if write is None:
        raise UsageError("labels are written as .csv or .jsonl.")
    rows, unsettled = _rows(project)
    if not rows:
        raise UsageError("there is no label yet that could be written.")

    def fill(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            write(stream, rows)

    write_atomically(target, fill)
    return Exported(len(rows), unsettled)


def _rows(project: Project) -> tuple[list[dict[str, Any]], int]:
    history = project.history()
    found, unsettled = [], 0
    for row in project.rows:
        labels = history.labels(row.id)
        label = settled(labels)
        if label is None:
            unsettled += bool(labels)
            continue
        people = [who for who, given in labels.items() if given == label]
        records = [record for who in people if (record := history.record(row.id, who))]
        found.append(
            {
                "text": row.text,
                "label": label,
                "who": "; ".join(people),
                "when": "; ".join(record.when for record in records),
                "row": row.id,
                "number": row.number,
                "said": row.said.label,
                "probability": row.said.probability,
            }
        )
    return [*found, *_of_file(project)], unsettled


def _of_file(project: Project) -> Iterator[dict[str, Any]]:
    from tunelab.labelling.queue import row_id

    nothing = dict.fromkeys(("who", "when", "row", "number", "said", "probability"))
    for row in project.labelled:
        about = {"text": row.text, "label": row.given, **nothing}
        yield {**about, "row": row_id(row.text), "number": row.number}


def _write_csv(stream: IO[str], rows: list[dict[str, Any]]) -> None:
    write_cells(stream, rows, delimiter=",")


def _write_jsonl(stream: IO[str], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


_WRITERS = {".csv": _write_csv, ".jsonl": _write_jsonl}
