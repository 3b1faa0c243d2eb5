"""`tunelab init` writes a study that runs, and refuses to replace one."""

import json
from pathlib import Path

import pytest

from tunelab.cli.main import main
from tunelab.study.opening import open_study

ROWS = "".join(
    f"the {thing} arrived {state} on day {number},{label}\n"
    for number in range(15)
    for thing, state, label in (("lamp", "broken", "quality"), ("chair", "late", "delivery"))
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.csv").write_text(f"note,kind\n{ROWS}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_study_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine.csv"]) == 0
    said = capsys.readouterr().out
    assert "Next: tunelab run mine.yaml" in said
    assert "quality" in said
    study = open_study("mine.yaml")
    assert (study.data.text, study.data.label) == ("note", "kind")


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine.csv", "--format", "json", "--out", "other.yaml"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["labels"] == {"delivery": 15, "quality": 15}


def test_a_study_that_is_there_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.yaml").write_text("name: precious\n", encoding="utf-8")
    assert main(["init", "mine.csv"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "mine.yaml").read_text(encoding="utf-8") == "name: precious\n"
    assert main(["init", "mine.csv", "--force"]) == 0


def test_a_file_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "none.csv"]) == 2
    assert not list(folder.glob("*.yaml"))
