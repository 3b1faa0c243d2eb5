"""The folder of a run: where each stage writes, and when a stage counts as done."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunelab.config import Study, fingerprint, to_yaml
from tunelab.errors import RunError, TunelabError
from tunelab.guards.bounded_files import check_links, within
from tunelab.guards.file_modes import follow_umask
from tunelab.runs.results import (
    RECORD,
    Result,
    complete_result,
    disk_failure,
    load_result,
    make_folder,
    save_result,
    write_text,
)

_log = logging.getLogger(__name__)

STUDY = "study.yaml"
_LOCK = ".lock"
# What is written before any work: nothing to continue from.
_BEFORE_WORK = (_LOCK, STUDY, "environment.json", "predict.json")
# Part of every hash: raised when stages write something else than before.
FORMAT = 3


@contextmanager
def open_folder(out: Path, study: Study) -> Iterator[None]:
    """Hold the run folder of a study, which is written into it with all its defaults.

    Raises:
        UsageError: the folder cannot be written.
        RunError: another process holds it; nothing in it was touched.
    """
    with locked(out):
        write_text(out / STUDY, to_yaml(study))
        yield


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the run folder, so that two processes do not write into it together.

    The process that holds it may hold it again; one that was killed holds it no longer. Where the
    work fails before it has anything to continue from, a folder that was new is removed again, and
    one that was empty is left empty.

    Raises:
        UsageError: the folder cannot be written.
        RunError: another process holds it.
    """
    from filelock import FileLock, Timeout

    missing = _missing_folders(out)
    make_folder(out)
    empty = all(path.name == _LOCK for path in out.iterdir())
    lock = FileLock(out.resolve() / _LOCK, is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"another tunelab is at work in {out}; wait for it or name another folder with --out."
        ) from None
    except OSError as error:
        # A link in its place is not followed.
        raise RunError(
            f"cannot lock {out} ({error.strerror}); remove .lock in it, or name another folder "
            "with --out."
        ) from None
    try:
        yield
    except Exception:
        outermost = lock.lock_counter == 1
        if outermost and empty and not _is_begun(out):
            _remove_traces(out, missing)
        raise
    finally:
        lock.release()


def _missing_folders(out: Path) -> list[Path]:
    """The folders that have to be made for ``out``, the innermost first."""
    return [folder for folder in (out, *out.parents) if not folder.exists()]


def _is_begun(out: Path) -> bool:
    """Whether a folder holds something that the same command would continue from."""
    for path in out.rglob("*"):
        if path.is_dir() or (path.parent == out and path.name in _BEFORE_WORK):
            continue
        if path.name != RECORD or _status(path.parent) != "failed":
            return True
    return False


def _status(folder: Path) -> str | None:
    """The status of the record of a stage, or None where it cannot be read."""
    try:
        return load_result(folder).status
    except TunelabError:
        return None


def _remove_traces(out: Path, made: Sequence[Path]) -> None:
    """Empty a folder, and remove those of ``made`` that are empty then."""
    for path in out.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for folder in made:
        try:
            folder.rmdir()
        except OSError:
            # Something else was put there meanwhile.
            return


def stage_hash(stage: str, name: str, inputs: Mapping[str, Any]) -> str:
    """What identifies a stage with these inputs."""
    return fingerprint({"format": FORMAT, "stage": stage, "name": name, **inputs})


def run_stage(
    out: Path,
    stage: str,
    name: str,
    inputs: Mapping[str, Any],
    work: Callable[[Path], Mapping[str, Any]],
    *,
    still_there: Callable[[Result], bool] = lambda _: True,
) -> Result:
    """Do ``work`` unless a finished record with the same ``inputs`` is there.

    ``inputs`` is all that decides the outcome: the stage's part of the study and the hashes of
    what it reads. ``work`` gets the stage's folder and returns the values of its record. A
    failure leaves a record with the error and is raised again; the next run repeats the stage.
    """
    hash = stage_hash(stage, name, inputs)
    # A link in a run folder of somebody else could have files written anywhere.
    folder = within(out, out / stage / f"{name}-{hash[:12]}")
    if folder.is_dir():
        check_links(folder)
    done = complete_result(folder, hash)
    if done is not None and still_there(done):
        _log.info("%s %s: finished before, kept", stage, name)
        return done
    (folder / RECORD).unlink(missing_ok=True)
    started, began = time.time(), time.perf_counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        values = dict(work(folder))
    except Exception as error:
        _record_failure(Result(stage, name, hash, "failed", {"error": _sentence(error)}, folder))
        if (reason := disk_failure(error)) is None:
            raise
        raise RunError(f"{stage} {name}: {reason} ({folder}).") from error
    values |= {"started": started, "wall_seconds": time.perf_counter() - began}
    result = Result(stage, name, hash, "complete", values, folder)
    save_result(result)
    return result


def replace_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a new folder, then put it in the place of ``target``."""
    within(target.parent.parent, target)
    fresh = target.with_name(f".{target.name}.part")
    old = target.with_name(f".{target.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    write(fresh)
    follow_umask(fresh)
    if target.exists():
        target.replace(old)
    fresh.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def _record_failure(result: Result) -> None:
    try:
        save_result(result)
    except (TunelabError, OSError):
        # The error that led here is the one to tell; a full disk cannot record itself.
        _log.debug("the failure could not be recorded in %s", result.folder)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, TunelabError) else f"{type(error).__name__}: {error}"
