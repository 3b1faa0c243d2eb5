"""Two workers share a sweep in a journal file and in PostgreSQL, and run no trial twice."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import postgresql
from conftest import Workspace
from tunelab.errors import RunError, UsageError
from tunelab.study.opening import open_study
from tunelab.study.sweeps.description import read_sweep
from tunelab.study.sweeps.storage import check_storage, open_store
from tunelab.study.sweeps.sweep import run_sweep

OVERRIDES = ["training.epochs=2", "training.early_stopping=null"]
SPACE = ["methods.0.r=2..16", "training.learning_rate=1e-3..1e-2:log"]
TRIALS = 5


@pytest.fixture
def position(tmp_path: Path) -> Iterator[str]:
    if postgresql.programs() is None:
        yield f"journal:{tmp_path / 'shared' / 'sweep.log'}"
    else:
        with postgresql.serving() as address:
            yield address


def test_two_workers_run_every_trial_once(
    position: str, workspace: Workspace, tmp_path: Path
) -> None:
    outs = [tmp_path / name for name in ("one", "two")]
    options = [word for axis in SPACE for word in ("--space", axis)]
    options += ["--trials", str(TRIALS), "--search-only", "--storage", position]
    store = open_store(position, tmp_path)
    # While this process has the turn, both get ready; then both look for trials at once.
    with store.turn():
        workers = [
            subprocess.Popen(
                workspace.command(
                    "sweep", str(workspace.study), *OVERRIDES, *options, "--out", str(out)
                ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for out in outs
        ]
        deadline = time.monotonic() + 240
        while not all(list(out.glob("prepare/*/result.json")) for out in outs):
            assert all(worker.poll() is None for worker in workers)
            assert time.monotonic() < deadline
            time.sleep(0.05)
    store.close()
    told = [worker.communicate(timeout=240)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], told
    run = [{path.name for path in out.glob("trials/*")} for out in outs]
    assert all(run)
    assert not run[0] & run[1]
    assert len(run[0] | run[1]) == TRIALS
    study = open_study(str(workspace.study), OVERRIDES)
    sweep = read_sweep(None, space=SPACE, given={"trials": TRIALS})
    record = run_sweep(study, sweep, tmp_path / "three", storage=position, search_only=True)
    assert not list((tmp_path / "three").glob("trials/*"))
    assert len(record["trials"]) == TRIALS
    assert all(trial["state"] in ("complete", "pruned") for trial in record["trials"])
    assert all(trial["attempt"] == 1 for trial in record["trials"])


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot open the PostgreSQL of --storage") as caught:
        open_store("postgresql://me:secret@127.0.0.1:9/none", tmp_path)
    assert "secret" not in str(caught.value)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    def without(name: str) -> Any:
        def found(package: str) -> Any:
            return None if package == name else find_spec(package)

        return found

    for package, extra in (("psycopg", "postgresql"), ("optuna", "sweeps")):
        monkeypatch.setattr("tunelab.study.sweeps.storage.find_spec", without(package))
        with pytest.raises(UsageError, match=rf'pip install "tunelab\[{extra}\]"'):
            check_storage("postgresql://me@localhost/sweeps")
    monkeypatch.setattr("tunelab.study.sweeps.storage.find_spec", find_spec)
    for wrong in ("sqlite:///x.db", "journal:", "somewhere"):
        with pytest.raises(UsageError, match="must be postgresql"):
            check_storage(wrong)
