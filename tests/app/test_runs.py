"""A run in a process of its own: started, watched, stopped, gone on with, read without torch."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import write_model, write_rows
from tunelab.app import job
from tunelab.app.classify import label_file, label_text
from tunelab.app.finetune import OWN, Form, begin
from tunelab.app.progress import read_progress
from tunelab.app.settings import AppSettings
from tunelab.app.studies import details, overview
from tunelab.app.training_view import draw_run
from tunelab.errors import UsageError


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> AppSettings:
    folder = tmp_path_factory.mktemp("app")
    (folder / "scratch").mkdir()
    write_rows(folder / "scratch" / "rows.csv")
    model = write_model(folder / "tiny")
    return AppSettings(folder / "runs", folder / "scratch", models=(str(model),), device="cpu")


def _form(settings: AppSettings, name: str, epochs: float) -> Form:
    return Form(
        name=name,
        data=OWN,
        file=str(settings.scratch / "rows.csv"),
        text="text",
        label="label",
        system="Labels are {labels}.",
        train_rows=0,
        test_rows=0,
        model=settings.models[0],
        method="lora",
        epochs=epochs,
        batch_size=4,
        learning_rate=1e-4,
        rank=4,
        max_length=96,
        beside=False,
    )


def _until(condition: object, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_start_stop_go_on(settings: AppSettings) -> None:
    runs = settings.runs
    name = begin(settings, _form(settings, "long", 400))
    folder = runs / name
    try:
        assert job.state(folder) == "running"
        assert job.own_runs(runs) == ["long"]
        with pytest.raises(UsageError, match="the run long is still running"):
            begin(settings, _form(settings, "other", 1))
        # What could not be begun leaves its name free.
        assert not (runs / "other").exists()
        _until(lambda: len(read_progress(folder).losses) >= 3)
        progress = read_progress(folder)
        assert progress.doing == "training lora"
        assert {loss.split for loss in progress.losses} == {"train", "validation"}
        assert 0 < progress.share < 1
        assert "tl-chart" in draw_run(folder)
        job.stop(folder)
        assert job.state(folder) in ("stopping", "stopped")
        _until(lambda: job.state(folder) == "stopped")
        assert job.problem(folder) is None
        assert "goes on from here" in job.log_tail(folder)
        reached = max(loss.step for loss in read_progress(folder).losses)
        job.start(runs, folder)
        _until(lambda: max(loss.step for loss in read_progress(folder).losses) > reached)
        # It went on from a checkpoint: the steps before it are there once.
        steps = [loss.step for loss in read_progress(folder).losses if loss.split == "validation"]
        assert len(steps) == len(set(steps))
    finally:
        job.stop(folder)
        _until(lambda: job.state(folder) == "stopped")


def test_a_number_that_another_process_has_now(tmp_path: Path) -> None:
    folder = job.create(tmp_path, "mine")
    record = {"pid": os.getpid(), "created": 1.0, "started": 0.0, "stop": None}
    from tunelab.runs.results import write_json

    write_json(folder / job.FOLDER / job.RECORD, record)
    assert job.state(folder) == "stopped"
    job.stop(folder)
    (folder / job.FOLDER / job.RECORD).write_text("{")
    assert job.state(folder) == "stopped"
    with pytest.raises(UsageError, match="choose another name"):
        job.create(tmp_path, "mine")


@pytest.fixture(scope="module")
def finished(settings: AppSettings) -> Path:
    folder = settings.runs / begin(settings, _form(settings, "short", 1))
    _until(lambda: job.state(folder) not in ("running", "stopping"))
    assert job.state(folder) == "finished", job.log_tail(folder)
    return folder


def test_labels_of_a_text_and_of_a_file(settings: AppSettings, finished: Path) -> None:
    import csv

    made = label_text(settings, "we won <b>", ["short / lora"], True)
    assert made.count("<section>") == 2
    assert "before fine-tuning" in made
    assert "<b>" not in made
    shown, file = label_file(
        settings, settings.scratch / "rows.csv", "text", ["short / lora"], False
    )
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 72
    assert {row["label (short / lora)"] for row in rows} <= {"joy", "fear", "anger"}
    assert all(1 / 3 < float(row["probability (short / lora)"]) <= 1 for row in rows)
    assert "Labels of 72 rows" in shown
    assert file.is_relative_to(settings.scratch)
    with pytest.raises(UsageError, match="choose a classifier"):
        label_text(settings, "x", [], False)


def test_a_run_is_read_without_torch(settings: AppSettings, finished: Path) -> None:
    assert "/report/short" in overview(settings.runs)
    assert "Open the report" in details(settings.runs, "short")
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from pathlib import Path\n"
        "from tunelab.app.studies import details, overview\n"
        "from tunelab.app.training_view import draw_run\n"
        "runs = Path(sys.argv[1])\n"
        "print(overview(runs), details(runs, 'short'), draw_run(runs / 'short'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.runs)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for part in ("Scores on the test rows", "lora", 'data-state="finished"', "tl-chart"):
        assert part in done.stdout


def test_what_a_log_tells(tmp_path: Path) -> None:
    folder = job.create(tmp_path, "mine")
    log = folder / job.FOLDER / job.LOG
    log.write_bytes(
        b"rows: 1\rrows: 2\r\n" + f"tunelab: {folder}/app/data/my rows.csv: <b>no</b>.\n".encode()
    )
    assert job.log_tail(folder).splitlines()[0] == "rows: 2"
    assert job.problem(folder) == "my rows.csv: <b>no</b>."
    assert job.state(folder) == "failed"
    made = draw_run(folder)
    assert "<b>" not in made
    assert 'data-state="failed"' in made
    log.write_bytes(b"tunelab: interrupted; the same command goes on from here.\n")
    assert job.problem(folder) is None
    assert job.state(folder) == "stopped"


def test_a_signal_that_the_app_was_told_to_ignore(tmp_path: Path) -> None:
    """A shell starts what runs in the background so; its runs can be stopped all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        script = (
            "import signal; from tunelab.app.server import handle_interrupts; handle_interrupts();"
            "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
            check=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.stdout.strip() == "False"
