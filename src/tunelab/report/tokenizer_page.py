"""One page on tokenizers, without a run: what `tunelab tokenize --html` writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab import __version__, registry
from tunelab.report.page import Figure, draw_figure, render
from tunelab.runs.results import write_text

FIGURES = ("tokenizer_languages", "token_lengths", "vocabulary_overlap")


def write_page(path: Path, record: Mapping[str, Any]) -> Path:
    """Write a record, or a part of one, as a page that loads nothing; return its path.

    Raises:
        RunError: the file cannot be written.
    """
    figures = draw_figures(record)
    page = render("tokenizer_page.html.j2", tokenizers=record, figures=figures, version=__version__)
    write_text(path, page)
    return path


def draw_figures(record: Mapping[str, Any]) -> dict[str, Figure]:
    """The figures that a record has data for."""
    drawn = {}
    for name in FIGURES:
        module = registry.resolve("figure", name, registry.FIGURES)
        figure = draw_figure(name, module.from_record(record))
        if figure is not None:
            drawn[name] = figure
    return drawn
