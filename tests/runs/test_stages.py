"""The folder of a run: a command that fails before any work leaves none behind."""

from pathlib import Path

import pytest

from conftest import Workspace
from tunelab.cli.main import main
from tunelab.errors import RunError, UsageError
from tunelab.runs.results import Result, save_result, write_text
from tunelab.runs.stages import locked, run_stage


def _fail(out: Path, *, before: str | None = None) -> None:
    """Hold the folder twice, as a run does, and fail inside."""
    with locked(out), locked(out):
        if before is not None:
            write_text(out / before, "")

        def work(folder: Path) -> dict[str, object]:
            write_text(folder / "half.txt", "")
            (folder / "half.txt").unlink()
            raise UsageError("no such column")

        run_stage(out, "prepare", "data", {}, work)


def test_a_failure_before_any_work_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such column"):
        _fail(tmp_path / "runs" / "mine", before="study.yaml")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError):
        _fail(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "train/lora-1/checkpoint-4/state", "part-0.parquet"])
def test_what_can_be_gone_on_with_is_kept(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _fail(tmp_path / "mine", before=name)
    assert (tmp_path / "mine" / name).is_file()
    assert list((tmp_path / "mine" / "prepare").glob("*/result.json"))


def test_a_finished_stage_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "mine"

    def fail() -> None:
        with locked(out):
            (out / "prepare" / "data-h").mkdir(parents=True)
            done = Result("prepare", "data", "h", "complete", {}, out / "prepare" / "data-h")
            save_result(done)
            raise RunError("too little memory")

    with pytest.raises(RunError):
        fail()
    assert (out / "prepare" / "data-h" / "result.json").is_file()


@pytest.mark.parametrize("verb", ["prepare", "run", "train", "sweep"])
@pytest.mark.parametrize("fault", ["data.text=nothing", "data.sample={train: 9999}"])
def test_verbs_leave_no_empty_folder(
    verb: str,
    fault: str,
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [verb, str(workspace.study), fault]
    if verb == "sweep":
        words += ["--space", "methods.0.r=2..8", "--trials", "1"]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("tunelab: ")
    assert list(tmp_path.iterdir()) == []
