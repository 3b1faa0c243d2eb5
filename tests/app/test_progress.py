"""The progress of a run by its own count of the stages that take long."""

from pathlib import Path

import pytest

from tunelab.app.progress import read_progress
from tunelab.runs.results import write_json


def _stage(folder: Path, kind: str, name: str, *, done: bool = True) -> None:
    (folder / kind / f"{name}-0").mkdir(parents=True)
    if done:
        write_json(folder / kind / f"{name}-0" / "result.json", {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of one classifier with other wordings, a label budget and what is forgotten."""
    planned = {
        "train": 1,
        "evaluate": 2,
        "train-wording": 1,
        "evaluate-wording": 2,
        "budget": 6,
        "forgetting": 1,
    }
    write_json(tmp_path / "run.json", {"planned": planned})
    _stage(tmp_path, "prepare", "data")
    for kind, name in (("train", "lora"), ("evaluate", "lora"), ("evaluate", "base")):
        _stage(tmp_path, kind, name)
    return tmp_path


def test_every_kind_of_stage_is_counted(folder: Path) -> None:
    assert (read_progress(folder).done, read_progress(folder).total) == (3, 13)
    _stage(folder, "evaluate-wording", "base-wording2")
    _stage(folder, "budget", "lora-8-draw1")
    _stage(folder, "forgetting", "lora")
    # What a model can do before any training is a part of the same stage.
    _stage(folder, "forgetting", "before-abc")
    assert read_progress(folder).done == 6
    assert read_progress(folder).share == pytest.approx(6 / 13)


def test_what_is_at_work_is_named(folder: Path) -> None:
    _stage(folder, "budget", "lora-8-draw2", done=False)
    assert read_progress(folder).doing == (
        "training and evaluating lora-8-draw2 for the label budget"
    )


def test_stages_of_an_earlier_form_of_the_study_do_not_count(folder: Path) -> None:
    for number in range(5):
        _stage(folder, "train", f"older{number}")
    assert read_progress(folder).done == 3


def test_before_the_run_has_counted_the_study_tells(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        "models: {base: a, instruct: null}\nmethods: [{name: lora}]\ntraining: {seeds: [1, 2]}\n",
        encoding="utf-8",
    )
    assert (read_progress(tmp_path).done, read_progress(tmp_path).total) == (0, 5)
