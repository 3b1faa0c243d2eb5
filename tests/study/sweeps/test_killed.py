"""A sweep that is killed goes on, to the same trials as one that was not."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from conftest import Workspace
from tunelab.study.opening import open_study
from tunelab.study.sweeps.description import read_sweep
from tunelab.study.sweeps.sweep import run_sweep

OVERRIDES = ["training.epochs=8", "training.early_stopping=null"]
SPACE = ["methods.0.r=[2, 4, 8]", "training.learning_rate=1e-3..1e-2:log"]
GIVEN = {"goals": ["best_loss"], "trials": 3}


def test_killed_while_a_trial_trains(workspace: Workspace, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    options = [word for axis in SPACE for word in ("--space", axis)]
    options += ["--goal", "best_loss", "--trials", "3", "--search-only", "--out", str(killed)]
    process = subprocess.Popen(
        workspace.fresh_command("sweep", str(workspace.study), *OVERRIDES, *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while _finished(killed) < 1 or len(_checkpoints(killed)) < 1:
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _finished(killed) == 1
    before = {path: path.stat().st_mtime_ns for path in killed.glob("trials/*/*/*/result.json")}
    assert before
    study, sweep = (
        open_study(str(workspace.study), OVERRIDES),
        read_sweep(None, space=SPACE, given=GIVEN),
    )
    went_on = run_sweep(study, sweep, killed, search_only=True)["trials"]
    whole = run_sweep(study, sweep, tmp_path / "whole", search_only=True)["trials"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sorted(trial["attempt"] for trial in went_on) == [1, 1, 2]
    assert _outcomes(went_on) == _outcomes(whole)
    assert not _checkpoints(killed)


def _finished(out: Path) -> int:
    return len(list(out.glob("trials/*/evaluate/*/result.json")))


def _checkpoints(out: Path) -> list[Path]:
    """Those of a trial whose training is not finished."""
    return [
        path
        for path in out.glob("trials/*/train/*/checkpoint-*/complete.json")
        if not (path.parents[1] / "result.json").is_file()
    ]


def _outcomes(trials: list[dict[str, Any]]) -> list[Any]:
    return [(trial["values"], trial["goals"], trial["state"]) for trial in trials]
