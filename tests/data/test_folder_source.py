"""Files of splits and one file alone: what stands where, and what is drawn."""

import os
from pathlib import Path

import pytest

from tunelab.data.examples import Dataset
from tunelab.data.sources import open_source
from tunelab.data.splitting import complete_splits
from tunelab.errors import UsageError


def _write(path: Path, rows: int, name: str) -> None:
    lines = [f"{name} {position},{'xyz'[position % 3]}" for position in range(rows)]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")


def _sizes(dataset: Dataset) -> dict[str, int]:
    return {split: len(rows) for split, rows in dataset.splits.items()}


def _open(path: Path, seed: int = 0) -> Dataset:
    return complete_splits(open_source(str(path), text="text", label="label"), seed)


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "Validation"])
def test_three_files(tmp_path: Path, name: str) -> None:
    for split, rows in {"train": 12, name: 6, "test": 9}.items():
        _write(tmp_path / f"{split}.csv", rows, split)
    dataset = _open(tmp_path)
    assert _sizes(dataset) == {"train": 12, "validation": 6, "test": 9}
    assert dataset.labels == ["x", "y", "z"]
    assert str(tmp_path.parent) not in dataset.origin


def test_validation_serves_as_test(tmp_path: Path) -> None:
    _write(tmp_path / "train.csv", 90, "train")
    _write(tmp_path / "validation.csv", 30, "held out")
    dataset = _open(tmp_path)
    assert _sizes(dataset) == {"train": 81, "validation": 9, "test": 30}
    assert all(row.text.startswith("held out") for row in dataset.splits["test"])
    assert "validation rows serve as test rows" in dataset.origin
    assert "Drawn from the training rows: validation" in dataset.origin


def test_no_validation_file(tmp_path: Path) -> None:
    _write(tmp_path / "train.csv", 90, "train")
    _write(tmp_path / "test.csv", 30, "test")
    assert _sizes(_open(tmp_path)) == {"train": 81, "validation": 9, "test": 30}


def test_one_file_is_split_by_seed(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    _write(path, 300, "row")
    dataset = _open(path)
    assert _sizes(dataset) == {"train": 210, "validation": 30, "test": 60}
    assert dataset == _open(path)
    assert dataset.splits != _open(path, seed=1).splits
    assert dataset.hash == _open(path, seed=1).hash
    for rows in dataset.splits.values():
        labels = [row.label for row in rows]
        assert {labels.count(label) for label in "xyz"} == {len(rows) // 3}


def test_copies_of_a_text_stay_together(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    forms = ("caf\u00e9 ", "cafe\u0301   ")
    lines = [f"{form}{position},{'xy'[position % 2]}" for form in forms for position in range(50)]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    numbers = [{row.text.split()[-1] for row in rows} for rows in _open(path).splits.values()]
    assert sum(map(len, numbers)) == len(set().union(*numbers)) == 50


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no training file"),
        (["test.csv"], "holds no training file"),
        (["train.csv", "train.jsonl"], "two train files"),
        (["train.csv", "dev.csv", "val.csv"], "two validation files"),
    ],
)
def test_faults(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        _write(tmp_path / name, 6, name)
    with pytest.raises(UsageError, match=message):
        _open(tmp_path)


def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    if os.access(folder, os.R_OK):
        pytest.skip("this user may read every folder")
    with pytest.raises(UsageError, match="cannot read the folder"):
        _open(folder)


@pytest.mark.parametrize("name", ["eval", "evaluation", "testing"])
def test_names_of_the_test_file(tmp_path: Path, name: str) -> None:
    for split, rows in {"train": 12, "dev": 6, name: 9}.items():
        _write(tmp_path / f"{split}.csv", rows, split)
    assert _sizes(_open(tmp_path)) == {"train": 12, "validation": 6, "test": 9}


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    for name in ("train", "test", "holdout"):
        _write(tmp_path / f"{name}.csv", 12, name)
    (tmp_path / "README.md").write_text("# rows", encoding="utf-8")
    (tmp_path / ".DS_Store").write_bytes(b"\0\1")
    (told,) = _open(tmp_path).notes
    assert told.startswith("Not read, as their names hold no split name: holdout.csv.")


def test_a_test_file_without_labels(tmp_path: Path) -> None:
    _write(tmp_path / "train.csv", 60, "train")
    (tmp_path / "test.csv").write_text("id,text\n1,one\n2,two\n", encoding="utf-8")
    dataset = _open(tmp_path)
    assert _sizes(dataset) == {"train": 42, "validation": 6, "test": 12}
    (told,) = dataset.notes
    assert "test.csv: it has no column 'label' (hidden labels; its columns are id, text)" in told
