"""Records: whole or absent."""

from pathlib import Path

import pytest

from tunelab.errors import RunError, UsageError
from tunelab.runs.results import (
    Result,
    complete_result,
    make_folder,
    save_result,
    write_atomically,
    write_json,
)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left"):
        write_atomically(path, fail)
    assert path.read_text() == '{\n "a": 1\n}\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(RunError, match="No space left"):
        write_atomically(tmp_path / "a", lambda _: full.write_text("x"))
    assert list(tmp_path.iterdir()) == []


def test_only_whole_records_count(tmp_path: Path) -> None:
    save_result(Result("train", "lora", "h", "complete", {"x": None}, tmp_path))
    assert complete_result(tmp_path, "h") is not None
    assert complete_result(tmp_path, "other") is None
    record = tmp_path / "result.json"
    record.write_bytes(record.read_bytes()[:-9])
    assert complete_result(tmp_path, "h") is None


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a", float("nan"))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="--out"):
        make_folder(tmp_path / "file")
