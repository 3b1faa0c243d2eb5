"""Seals: what was changed after it was written is not used."""

import json
from pathlib import Path

import pytest

from tunelab.errors import RunError
from tunelab.runs.results import (
    RECORD,
    Result,
    complete_result,
    load_result,
    read_table,
    save_result,
    stage_file,
    write_table,
)
from tunelab.runs.seals import is_intact, sealed

VALUES = {"accuracy": 0.5, "labels": ("a", "b"), "counts": {1: 2}}


def _stage(folder: Path) -> Path:
    write_table(folder / "rows.parquet", [{"text": "a", "value": 1.5}])
    save_result(Result("evaluate", "lora", "h", "complete", VALUES, folder))
    return folder


def test_a_record_comes_back_as_it_was_sealed() -> None:
    record = json.loads(json.dumps(sealed(VALUES, {"a": "b"})))
    assert is_intact(record)
    assert not is_intact({**record, "accuracy": 0.6})
    assert not is_intact({key: record[key] for key in record if key != "seal"})
    # One of a time before there were seals.
    assert is_intact({"accuracy": 0.5})


@pytest.mark.parametrize("name", [RECORD, "rows.parquet"])
def test_every_flipped_byte_of_a_stage_is_noticed(name: str, tmp_path: Path) -> None:
    path = _stage(tmp_path) / name
    assert complete_result(tmp_path, "h") is not None
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        before = complete_result(tmp_path, "h")
        # Blank space between the parts of a record says nothing.
        assert before is None or (name == RECORD and before.values == json.loads(whole)), position
        if position % 7 == 0:
            path.write_bytes(whole[:position])
            assert complete_result(tmp_path, "h") is None
    path.write_bytes(whole)
    assert complete_result(tmp_path, "h") is not None


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    result = load_result(_stage(tmp_path))
    assert list(read_table(stage_file(result, "rows.parquet"))["value"]) == [1.5]
    (tmp_path / "rows.parquet").unlink()
    with pytest.raises(RunError, match=r"rows\.parquet was changed or is missing"):
        stage_file(result, "rows.parquet")


def test_a_table_on_its_own_notices_changed_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(path, [{"value": float(number)} for number in range(200)])
    whole = path.read_bytes()
    position = len(whole) // 3
    path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
    with pytest.raises(RunError, match="damaged"):
        read_table(path)
