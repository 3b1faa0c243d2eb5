"""Run a study from Python."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.api.opened_run import Run, open_run
from tunelab.config import MethodEntry, Section, Study, make_study, to_dict
from tunelab.errors import TunelabError, UsageError
from tunelab.library_warnings import hide_library_warnings

if TYPE_CHECKING:
    from tunelab.runs.results import Result
    from tunelab.study.engines.local import Engine

_log = logging.getLogger(__name__)


def run(
    study: str | Path | Mapping[str, Any] | Study,
    *,
    out: str | Path | None = None,
    **overrides: Any,
) -> Run:
    """Run a study and return its results. Finished stages are kept.

    ``study`` is a preset's name, the path of a YAML file, a dictionary or a :class:`Study`.
    ``out`` is the run folder, ``runs/<study>`` by default. Each override sets one key of the
    study: ``training__epochs=1`` is ``training.epochs=1`` of the command line, and a
    section, as in ``data={"source": "mine.csv"}``, replaces the section.

    Progress is shown on standard error.

    Raises:
        UsageError: a key or a name is unknown, or the data does not fit; nothing was begun.
        RunError: a part of the study failed. The others are finished, and ``open_run`` shows
            them; the same call continues from there.
    """
    chosen = open_study(study, **overrides)
    folder = _local(out) if out is not None else Path("runs") / chosen.name
    with _shown_progress():
        try:
            run_with_report(chosen, folder)
        except TunelabError as error:
            if (folder / "run.json").is_file():
                error.add_note(f"tunelab.open_run({str(folder)!r}) shows what is finished.")
            raise
    return open_run(folder)


def run_with_report(
    study: Study, folder: Path, engine: "Engine | None" = None
) -> "tuple[list[Result], Path]":
    """Run a study and write its report: the results of the stages, and the report's path.

    Where a part fails, the report shows what is finished. The folder is locked until the report
    is written, so that no other run changes it before.

    Raises:
        RunError: a part of the study failed.
    """
    from tunelab.report.build import build_report
    from tunelab.runs.stages import locked
    from tunelab.study.engines.local import run_here
    from tunelab.study.run import run_study

    with locked(folder):
        try:
            results = run_study(study, folder, engine or run_here)
        except TunelabError:
            if (folder / "run.json").is_file():
                _try_report(folder)
            raise
        return results, build_report(folder)


def open_study(study: str | Path | Mapping[str, Any] | Study, **overrides: Any) -> Study:
    """A study with every default written out, every key checked and every name resolved.

    ``study`` and ``overrides`` are those of :func:`run`.

    Raises:
        UsageError: no such preset or file, an unknown key or name, or a value of the wrong type.
    """
    from tunelab.guards.strict_yaml import apply_overrides
    from tunelab.study.opening import open_study as open_named
    from tunelab.study.resolution import check_names

    words = []
    for name, value in overrides.items():
        key = name.replace("__", ".")
        # As the command line would write it: JSON, which YAML reads.
        words.append(f"{key}={json.dumps(_plain(value, key), ensure_ascii=False)}")
    if isinstance(study, str | Path):
        return open_named(str(study), words)
    if isinstance(study, Study):
        values: Mapping[str, Any] = to_dict(study)
    elif isinstance(study, Mapping):
        values = _plain(study, "")
    else:
        raise UsageError(
            f"a study is a preset's name, a file, a dictionary or a Study, and no "
            f"{type(study).__name__}."
        )
    made = make_study(apply_overrides(values, words))
    check_names(made)
    return made


def _plain(value: Any, key: str) -> Any:
    """A value of a study as JSON: a path becomes a string, a NumPy number a Python number.

    Raises:
        UsageError: it is something that no study file could hold.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {
            str(name): _plain(inner, f"{key}.{name}" if key else str(name))
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(inner, f"{key}.{index}") for index, inner in enumerate(value)]
    if isinstance(value, Section | MethodEntry):
        return value.model_dump(mode="json")
    if isinstance(value, Number) and hasattr(value, "item"):
        return value.item()
    raise UsageError(
        f"{key} holds a value of the type {type(value).__name__}, which a study file cannot hold; "
        "give a text, a number, a list or a dictionary. Data is named by its file."
    )


def _local(out: str | Path) -> Path:
    if "://" in str(out):
        raise UsageError(
            f"out={str(out)[:100]}: name a folder of this machine; `tunelab run --out` takes a URL."
        )
    return Path(out).expanduser()


def _try_report(folder: Path) -> None:
    from tunelab.report.build import build_report

    try:
        build_report(folder)
    except TunelabError as error:
        _log.error("no report: %s", error)


@contextmanager
def _shown_progress() -> Iterator[None]:
    """Show what the command line shows, unless the program has set up logging by itself."""
    logger = logging.getLogger("tunelab")
    handler = None
    if not logger.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        before = logger.level
        logger.setLevel(logging.INFO)
    try:
        with hide_library_warnings():
            yield
    finally:
        if handler is not None:
            logger.removeHandler(handler)
            logger.setLevel(before)
