"""A training run in a process of its own, whose state is read from its run folder.

So the pages stay quick, a page that is loaded again finds the run, and so does an app that was
started again.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

from tunelab.app.form_words import in_form_words
from tunelab.app.names import check_run_name, run_names
from tunelab.errors import TunelabError, UsageError
from tunelab.runs.results import read_json, write_json, write_text

FOLDER = "app"
# The copy of the uploaded file.
DATA = "app/data"
STUDY, RECORD, LOG = "study.yaml", "job.json", "log.txt"
State = Literal["running", "stopping", "stopped", "failed", "finished"]
_TAIL = 4_000
_starting = threading.Lock()


def create(runs: Path, name: str) -> Path:
    """The folder of a new run.

    Raises:
        UsageError: the name is none, or taken.
    """
    folder = runs / check_run_name(name)
    try:
        (folder / FOLDER).mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"a run called {name} exists already; choose another name.") from None
    return folder


def start(runs: Path, folder: Path, study: str | None = None) -> None:
    """Run a study, or continue with it; ``study`` is its YAML the first time.

    Raises:
        UsageError: another run of the app is at work; two would slow each other down.
    """
    with _starting:
        busy = running(runs)
        if busy:
            raise UsageError(
                f"the run {busy[0]} is still running. Stop it, or wait until it has finished."
            )
        if study is not None:
            write_text(folder / FOLDER / STUDY, study)
            write_text(folder / STUDY, study)
        command = [sys.executable, "-m", "tunelab", "run", str(folder / FOLDER / STUDY)]
        with (folder / FOLDER / LOG).open("ab") as log:
            process = subprocess.Popen(
                [*command, "--out", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_environment(),
            )
        # Nobody else waits for it, and without that its number would stay taken.
        threading.Thread(target=process.wait, daemon=True).start()
        write_json(
            folder / FOLDER / RECORD,
            {
                "pid": process.pid,
                "created": _created(process.pid),
                "started": time.time(),
                "stop": None,
            },
        )


def _environment() -> dict[str, str]:
    """What a run inherits; its losses are looked for in its own folder."""
    kept = {key: value for key, value in os.environ.items() if key != "TENSORBOARD_LOGGING_DIR"}
    return {**kept, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


def stop(folder: Path) -> None:
    """Interrupt a run, or kill it at the second call; it can be continued in both cases."""
    job = _job(folder)
    if job is None or not _alive(job):
        return
    if job["stop"] is None:
        write_json(folder / FOLDER / RECORD, {**job, "stop": time.time()})
        os.kill(job["pid"], signal.SIGINT)
    else:
        os.kill(job["pid"], signal.SIGTERM)


def state(folder: Path) -> State:
    """The state of a run."""
    job = _job(folder)
    if job is not None and _alive(job):
        return "running" if job["stop"] is None else "stopping"
    report = folder / "report.html"
    begun = job["started"] if job is not None else 0.0
    if report.is_file() and report.stat().st_mtime >= begun and not _failures(folder):
        return "finished"
    return "failed" if problem(folder) else "stopped"


def running(runs: Path) -> list[str]:
    """The runs of the app that are running."""
    jobs = {name: _job(runs / name) for name in run_names(runs)}
    return [name for name, job in jobs.items() if job is not None and _alive(job)]


def own_runs(runs: Path) -> list[str]:
    """The runs that the app started: running ones first, then the newest."""
    names = [name for name in run_names(runs) if (runs / name / FOLDER / RECORD).is_file()]
    busy = set(running(runs))
    return sorted(names, key=lambda name: name not in busy)


def log_tail(folder: Path) -> str:
    """The end of what a run printed; of a progress bar, its last state."""
    try:
        with (folder / FOLDER / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            written = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.rstrip().rsplit("\r", 1)[-1] for line in written.split("\n")]
    return "\n".join([line for line in lines if line][-12:])


def problem(folder: Path) -> str | None:
    """The sentence that a run failed with, or None."""
    messages = [line for line in log_tail(folder).splitlines() if line.startswith("tunelab: ")]
    if not messages or "interrupted" in messages[-1]:
        return None
    # What a person sees names no folders of the machine, and fields by their labels.
    message = messages[-1].removeprefix("tunelab: ")
    for prefix in (f"{folder / DATA}/", f"{folder}/", str(folder)):
        message = message.replace(prefix, "")
    return in_form_words(message)


def _job(folder: Path) -> dict[str, Any] | None:
    path = folder / FOLDER / RECORD
    if not path.is_file():
        return None
    try:
        job = read_json(path)
        return {
            "pid": int(job["pid"]),
            "created": None if job["created"] is None else float(job["created"]),
            "started": float(job["started"]),
            "stop": None if job["stop"] is None else float(job["stop"]),
        }
    except (TunelabError, KeyError, TypeError, ValueError):
        return None


def _alive(job: dict[str, Any]) -> bool:
    created = _created(job["pid"])
    return created is not None and job["created"] is not None and created == job["created"]


def _created(pid: int) -> float | None:
    """When a process began, which identifies it beside its id; None if it ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else float(process.create_time())
    except psutil.Error:
        return None


def _failures(folder: Path) -> bool:
    try:
        return bool(read_json(folder / "run.json")["failures"])
    except (TunelabError, KeyError, TypeError):
        return True
