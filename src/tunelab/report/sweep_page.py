"""The page of a sweep, made of its record alone."""

import json
from pathlib import Path
from typing import Any

from tunelab import __version__, registry
from tunelab.errors import RunError, UsageError
from tunelab.report.page import draw_figure, render
from tunelab.runs.results import read_json, write_text

RECORD = "sweep.json"
PAGE = "sweep.html"
_VERSION = 1


def build_sweep_page(folder: Path) -> Path:
    """Write sweep.html and figures/*.svg and *.png of a sweep's folder; return the page's path.

    Raises:
        UsageError: the folder holds no sweep.
        RunError: the record is of a later version, or the folder cannot be written.
    """
    record = read_sweep_record(folder)
    figures = {}
    for name in registry.SWEEP_FIGURES:
        module = registry.resolve("sweep figure", name, registry.SWEEP_FIGURES)
        figure = draw_figure(
            name, module.collect(record), folder / "figures", known=registry.SWEEP_FIGURES
        )
        if figure is not None:
            figures[name] = figure
    path = folder / PAGE
    page = render(
        "sweep.html.j2", figures=figures, sweep=record, rows=table(record), version=__version__
    )
    write_text(path, page)
    return path


def read_sweep_record(folder: Path) -> dict[str, Any]:
    """The record of a sweep's folder.

    Raises:
        UsageError: there is none.
        RunError: it is damaged, or a later version of tunelab wrote it.
    """
    if not (folder / RECORD).is_file():
        raise UsageError(f"{folder} holds no {RECORD}; run a sweep first.")
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or record.get("version") != _VERSION:
        raise RunError(f"{folder / RECORD} is not of version {_VERSION}; run the sweep again.")
    return record


def table(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials in order, one row each with the same keys: rank, goals, settings, and why not."""
    return [
        {
            "rank": trial["rank"],
            "trial": trial["number"],
            "state": _state(trial, record),
            **{goal["name"]: (trial["goals"] or {}).get(goal["name"]) for goal in record["goals"]},
            **{key: _plain(value) for key, value in trial["values"].items()},
            "seconds": trial["seconds"],
            "note": trial["reason"],
        }
        for trial in record["trials"]
    ]


def _state(trial: dict[str, Any], record: dict[str, Any]) -> str:
    words = []
    if record["winner"] is not None and trial["number"] == record["winner"]["number"]:
        words.append("winner")
    elif trial["front"] and len(record["goals"]) > 1:
        words.append("on the front")
    else:
        words.append(trial["state"])
    return ", ".join([*words, "default"] if trial["default"] else words)


def _plain(value: Any) -> Any:
    simple = isinstance(value, str | int | float) and not isinstance(value, bool)
    return value if simple or value is None else json.dumps(value, ensure_ascii=False)
