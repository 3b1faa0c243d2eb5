"""The stage prepare: what it tells, by name, before anything is trained."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunelab.cli.prepare import ALL, _faults, _shortened, label_rows
from tunelab.config import Data, Sample
from tunelab.errors import UsageError
from tunelab.study.prepare import PreparedData, prepare


def _prepare(
    folder: Path, rows: Sequence[tuple[str, object]], **sample: object
) -> tuple[PreparedData, list[str]]:
    file = folder / "rows.jsonl"
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    told: list[str] = []
    sizes = {"train": "all", "validation": "all", "test": "all", **sample}
    data = Data(source=str(file), sample=Sample.model_validate(sizes))
    return prepare(data, seed=5, out=folder / "out", tell=told.append), told


def test_what_is_told(tmp_path: Path) -> None:
    rows: list[Any] = [(f"kettle {n}", "ok" if n % 3 else "off") for n in range(40)]
    rows += [("the only one", "rare"), ("\u200b \u200c", "ok"), ("nothing said", None)]
    data, told = _prepare(tmp_path, rows)
    assert data.labels == ("off", "ok", "rare")
    assert any("1 row has no label" in one and "line 43" in one for one in told)
    assert any("Left out: 1 row without a visible character" in one for one in told)
    assert any("The label 'rare' has one training row" in one for one in told)
    assert any("The label 'rare' has no test row" in one for one in told)
    assert "rare" in {row.label for row in data.splits["train"]}
    # A stage that is kept tells the same.
    assert _prepare(tmp_path, rows)[1] == told


def test_a_label_that_a_sample_leaves_out(tmp_path: Path) -> None:
    rows = [(f"kettle {n}", "ok" if n % 2 else "off") for n in range(200)]
    rows += [(f"rare {n}", "rare") for n in range(3)]
    _, told = _prepare(tmp_path, rows, train=10, test=10)
    assert any("'rare'" in one and "no row at all" in one for one in told)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "x"), ("b", "y")], "training rows hold only the label"),
        ([(f"text {n // 2}", "xy"[n % 2]) for n in range(40)], "none is left: .*several labels"),
        ([("a", "x"), ("b", "x")], "two labels or more"),
        ([("", "x"), (" ", "y"), ("\u200d", "x")], "train split has no rows"),
        ([("a cold day", "xy"[row % 2]) for row in range(20)], "all rows have the same text"),
    ],
)
def test_what_cannot_be_studied(
    tmp_path: Path, rows: Sequence[tuple[str, object]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _prepare(tmp_path, rows)


@pytest.mark.parametrize("labels", [2, 20, 77, 1000])
def test_the_table_of_labels_stays_short(tmp_path: Path, labels: int) -> None:
    rows = [(f"note {n} of {n % labels}", f"class {n % labels:04}") for n in range(3 * labels + 20)]
    data, _ = _prepare(tmp_path, rows)
    values = data.result.values
    table = label_rows(values["counts"]["sample"])
    assert len(table) == labels + 1
    shown = _shortened(table)
    assert len(shown) == (labels + 1 if labels <= 20 else 12)
    for split in ("train", "validation", "test"):
        assert table[0][split] == sum(row[split] for row in table[1:])
        assert shown[0][split] == sum(row[split] for row in shown[1:])
    assert table[0]["label"] == ALL
    assert all(not isinstance(cell, dict) for row in _faults(values) for cell in row.values())
