"""Names of classes in Parquet, as the library datasets writes them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tunelab.data.sources import open_source

NAMES = ["calm", "rough", " steep\u00a0way "]


def _write(path: Path, numbers: list[Any], names: Any = NAMES) -> None:
    features = {"label": {"names": names, "_type": "ClassLabel"}, "text": {"_type": "Value"}}
    table = pa.table({"text": [f"{path.stem} {n}" for n in range(len(numbers))], "label": numbers})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(table.replace_schema_metadata(metadata), path)


def test_names_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    _write(path, [2, 1, 2, None, -1, 1])
    dataset = open_source(str(path), text="text", label="label")
    assert dataset.labels == ["calm", "rough", "steep way"]
    assert [row.label for row in dataset.splits["train"]] == [
        *("steep way", "rough", "steep way", "rough")
    ]
    assert dataset.notes[0].startswith("a.parquet: 2 rows have no label")


def test_hidden_test_rows(tmp_path: Path) -> None:
    _write(tmp_path / "train-00000-of-00001.parquet", [0, 1, 2] * 4)
    _write(tmp_path / "test-00000-of-00001.parquet", [-1] * 3)
    dataset = open_source(str(tmp_path), text="text", label="label")
    assert dataset.splits["test"] == []
    assert "none of its 3 rows has a label" in dataset.notes[0]


@pytest.mark.parametrize("names", [None, "calm", {"0": "calm"}, []])
def test_metadata_that_says_nothing(tmp_path: Path, names: Any) -> None:
    path = tmp_path / "a.parquet"
    _write(path, [0, 1, 0, 1], names)
    dataset = open_source(str(path), text="text", label="label")
    assert sorted({row.label for row in dataset.splits["train"]}) == ["0", "1"]
