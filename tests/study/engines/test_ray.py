"""A study on Ray whose workers are killed: every cell once, and the numbers of the local engine."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from conftest import Workspace, write_model

CELLS = ["majority", "tfidf-svm", "base", "instruct"]
CELLS += [f"{method}-seed{seed}" for method in ("lora", "ia3") for seed in (1, 2)]


def workers_of(driver: subprocess.Popen[Any], title: str) -> list[psutil.Process]:
    """Ray's worker processes of a driver that are at a task of this name."""
    found = []
    for process in psutil.Process(driver.pid).children(recursive=True):
        try:
            if (process.cmdline() or [""])[0].startswith(f"ray::{title}"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(condition: Callable[[], Any], driver: subprocess.Popen[Any]) -> Any:
    """What a condition gives, once it gives something."""
    deadline = time.monotonic() + 200
    while not (found := condition()):
        assert driver.poll() is None, "it ended first"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def study(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    base = write_model(tmp_path_factory.mktemp("base") / "model", seed=3)
    return [
        *(str(workspace.study), f"models.base={base}", "prompt.style=chat"),
        "evaluation.baselines=[majority,tfidf-svm]",
        "methods=[{name: lora, r: 4}, {name: ia3}]",
        *("training.seeds=[1,2]", "training.epochs=20", "training.early_stopping=null"),
    ]


@pytest.mark.scale
def test_eight_cells_two_workers_one_killed_twice(
    workspace: Workspace, study: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "ray"
    words = workspace.fresh_command("run", *study, "--out", str(out))
    with (tmp_path / "log").open("wb") as log:
        driver = subprocess.Popen(
            [*words, "--engine", "ray", "--workers", "2"], stdout=log, stderr=log
        )
        wait_until(lambda: list(out.glob("train/lora-seed1-*/checkpoint-*/complete.json")), driver)
        (first,) = workers_of(driver, "lora-seed1")
        first.kill()
        (second,) = wait_until(
            lambda: [one for one in workers_of(driver, "lora-seed1") if one.pid != first.pid],
            driver,
        )
        finished = {path: path.stat().st_mtime_ns for path in out.glob("*/*/result.json")}
        second.kill()
        assert driver.wait(300) == 0, (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
    for path, before in finished.items():
        assert path.stat().st_mtime_ns == before
    assert sorted(path.name.rpartition("-")[0] for path in out.glob("evaluate/*")) == sorted(CELLS)
    assert len(list(out.glob("train/*"))) == 4
    local = tmp_path / "local"
    done = subprocess.run(
        workspace.fresh_command("run", *study, "--out", str(local)),
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for table in ("results.parquet", "predictions.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(out / table), pd.read_parquet(local / table))


def test_without_ray_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tunelab.errors import UsageError
    from tunelab.study.engines.ray_runtime import runtime

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'tunelab\[ray\]'"), runtime(1):
        pass


def test_what_a_cell_asks_for(workspace: Workspace) -> None:
    from tunelab.study.cell_list import cells_of
    from tunelab.study.engines.resources import PROCESS, needs_of
    from tunelab.study.opening import open_study

    def needs(*overrides: str) -> dict[str, int]:
        opened = open_study("starter", list(overrides))
        return {cell.name: needs_of(cell, cpus=2).memory for cell in cells_of(opened)}

    plain = needs("device=cpu")
    assert plain["majority"] == PROCESS
    # 134,515,008 parameters of four bytes, and more for what is trained.
    assert plain["lora"] > plain["instruct"] > PROCESS + 4 * 134_515_008
    assert needs("device=cpu", "training.batch_size=64")["lora"] > plain["lora"]
    assert needs("device=cpu", "methods=[{name: full}]")["full"] > plain["lora"]
