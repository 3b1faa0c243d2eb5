"""Workbooks: the sheet with the table, its cells as they are, and what to do without openpyxl."""

import datetime
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import read_rows
from tunelab.data.sources import open_source
from tunelab.errors import UsageError


def _save(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_cells(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["text", "label", None, "day"],
        ["one", 1, None, datetime.date(2026, 5, 1)],
        [None, None, None, None],
        [2, 2.0],
        ["three", True],
    ]
    path = _save(tmp_path / "a.xlsx", Rows=rows)
    dataset = open_source(str(path), text="text", label="label")
    found = [(row.text, row.label) for row in dataset.splits["train"]]
    assert found == [("one", "1"), ("2", "2"), ("three", "True")]
    assert [number for number, _ in read_rows(path)] == [2, 4, 5]


def test_the_sheet_with_the_table(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.xlsx", Read=[["me first"]], Rows=[["text", "label"], ["a", "x"]])
    notes = LoadingNotes()
    assert [row for _, row in read_rows(path, notes=notes)] == [{"text": "a", "label": "x"}]
    assert notes.sentences == ["a.xlsx: the sheet 'Rows' is read, and none of the others."]


def test_without_openpyxl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(tmp_path / "a.xlsx", Rows=[["text", "label"], ["a", "x"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match=r"pip install 'tunelab\[excel\]'.* or save it as CSV"):
        list(read_rows(path))
