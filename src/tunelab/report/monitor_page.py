"""The page of a classifier in use, and its record."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunelab import __version__, registry
from tunelab.evaluation.monitoring.monitored import LEVEL, Monitored, WindowDrift, as_record
from tunelab.report.page import draw_figure, render
from tunelab.runs.results import write_json, write_text

_VERSION = 1


def build_monitor_page(
    monitored: Monitored,
    sentences: Sequence[str],
    page: Path,
    *,
    logs: Sequence[str],
    classifier: str,
) -> Path:
    """Write ``page``, which is one file that loads nothing, and its record beside it as JSON.

    Returns the record's path.

    Raises:
        RunError: they cannot be written.
    """
    figures = {}
    for name in registry.MONITOR_FIGURES:
        module = registry.resolve("monitor figure", name, registry.MONITOR_FIGURES)
        figure = draw_figure(name, module.collect(monitored), known=registry.MONITOR_FIGURES)
        if figure is not None:
            figures[name] = figure
    text = render(
        "monitor.html.j2",
        figures=figures,
        version=__version__,
        monitored=monitored,
        sentences=sentences,
        logs=logs,
        classifier=classifier,
        level=LEVEL,
        rows=table(monitored),
    )
    record = page.with_suffix(".json")
    write_json(
        record,
        {
            "version": _VERSION,
            "classifier": classifier,
            "logs": list(logs),
            "sentences": list(sentences),
            **as_record(monitored),
        },
    )
    write_text(page, text)
    return record


def table(monitored: Monitored) -> list[dict[str, Any]]:
    """A row for each window: its texts, both corrected p-values, and whether it differs."""
    return [_row(one) for one in monitored.windows]


def _row(one: WindowDrift) -> dict[str, Any]:
    words = {True: "yes", False: "no", None: "not tested"}
    return {
        "window": one.window.name,
        "texts": one.window.rows,
        "differs": words[one.changed],
        "p_texts": one.drift.p_texts,
        "auc": one.drift.texts.auc,
        "p_labels": one.drift.p_labels,
        "confidence": one.window.confidence,
        "to_review": one.to_review.value,
    }
