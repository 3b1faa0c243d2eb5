"""The labels as files that a study reads as its data."""

import csv
import json
from pathlib import Path

import pytest

from made_labelling import HOSTILE_TEXTS
from tunelab.data.columns import to_examples
from tunelab.data.readers import read_rows
from tunelab.errors import UsageError
from tunelab.labelling.export import export_labels
from tunelab.labelling.project import About, Project, start_project
from tunelab.labelling.queue import Said, SourceRow, order_rows

LABELS = ("fear", "joy")
ABOUT = About(LABELS, "first / lora", "rows.csv", "2026-01-01T00:00:00Z", "No drift.", "Unknown.")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    texts = [*HOSTILE_TEXTS, "from the file"]
    given = [*[None] * len(HOSTILE_TEXTS), "joy"]
    rows = [
        SourceRow(number, text, label)
        for number, (text, label) in enumerate(zip(texts, given, strict=True), 1)
    ]
    said = Said("joy", {"fear": 0.2, "joy": 0.8})
    return start_project(tmp_path / "mine", order_rows(rows, [said] * len(rows), LABELS), ABOUT)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_study_reads_the_labels_as_its_data(
    project: Project, tmp_path: Path, ending: str
) -> None:
    for row in project.rows:
        project.label("Ann", row.id, "fear")
    target = tmp_path / "out" / f"labels{ending}"
    found = export_labels(project, target)
    assert (found.rows, found.unsettled) == (len(HOSTILE_TEXTS) + 1, 0)
    examples = to_examples(read_rows(target), text="text", label="label", where=target.name)
    assert [one.label for one in examples] == [*["fear"] * len(HOSTILE_TEXTS), "joy"]
    assert "کتاب‌ها را می‌خوانم" in {one.text for one in examples}


def test_json_lines_hold_every_text_as_it_is(project: Project, tmp_path: Path) -> None:
    for row in project.rows:
        project.label("Ann", row.id, "fear")
    export_labels(project, tmp_path / "labels.jsonl")
    lines = (tmp_path / "labels.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    texts = {json.loads(line)["text"] for line in lines}
    assert texts == {*HOSTILE_TEXTS, "from the file"}


def test_a_spreadsheet_runs_no_text(project: Project, tmp_path: Path) -> None:
    row = next(row for row in project.rows if row.text == "=1+1")
    project.label("=Ann", row.id, "joy")
    export_labels(project, tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["text"], first["who"], first["label"]) == ("'=1+1", "'=Ann", "joy")


def test_who_when_and_what_was_said_stand_beside_a_label(project: Project, tmp_path: Path) -> None:
    row = next(row for row in project.rows if row.text == "we won the game")
    project.label("Ann", row.id, "joy", now=0.0)
    project.label("Ben", row.id, "joy", now=3600.0)
    project.label("Cem", row.id, "fear", now=7200.0)
    export_labels(project, tmp_path / "labels.jsonl")
    first, last = map(json.loads, (tmp_path / "labels.jsonl").read_text().split("\n")[:-1])
    assert first == {
        "text": "we won the game",
        "label": "joy",
        "who": "Ann; Ben",
        "when": "1970-01-01T00:00:00Z; 1970-01-01T01:00:00Z",
        "row": row.id,
        "number": row.number,
        "said": "joy",
        "probability": 0.8,
    }
    assert (last["text"], last["label"], last["who"]) == ("from the file", "joy", None)


def test_rows_that_are_not_settled_are_left_out(project: Project, tmp_path: Path) -> None:
    first, second = project.rows[0].id, project.rows[1].id
    for who, row, label in (
        ("Ann", first, "joy"),
        ("Ben", first, "fear"),
        ("Ann", second, "joy"),
        ("Ben", second, "joy"),
    ):
        project.label(who, row, label)
    found = export_labels(project, tmp_path / "labels.csv")
    assert (found.rows, found.unsettled) == (2, 1)
    with pytest.raises(UsageError, match=r"written as \.csv or \.jsonl"):
        export_labels(project, tmp_path / "labels.xlsx")


def test_nothing_to_write_is_told(tmp_path: Path) -> None:
    queue = order_rows([SourceRow(1, "a")], [Said("joy")], LABELS)
    made = start_project(tmp_path / "mine", queue, ABOUT)
    with pytest.raises(UsageError, match="no label yet"):
        export_labels(made, tmp_path / "labels.csv")
    assert not (tmp_path / "labels.csv").exists()
