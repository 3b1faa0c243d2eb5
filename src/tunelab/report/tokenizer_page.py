"""One page on tokenizers, without a run: what `tunelab tokenize --html` writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab import __version__, registry
from tunelab.report.build import Figure, _number, _scoped, _share
from tunelab.report.style import styled
from tunelab.results import write_text

FIGURES = ("tokenizer_languages", "token_lengths", "vocabulary_overlap")


def write_page(path: Path, record: Mapping[str, Any]) -> Path:
    """Write a record, or a part of one, as a page that loads nothing; return its path.

    Raises:
        RunError: the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tunelab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "share": _share}
    page = environment.get_template("tokenizer_page.html.j2").render(
        tokenizers=record, figures=draw_figures(record), version=__version__
    )
    write_text(path, page)
    return path


def draw_figures(record: Mapping[str, Any]) -> dict[str, Figure]:
    """The figures that a record has data for."""
    import vl_convert

    figures = {}
    for name in FIGURES:
        module = registry.resolve("figure", name, registry.FIGURES)
        table = module.from_record(record)
        if not table.empty:
            svg = vl_convert.vegalite_to_svg(styled(module.draw(table)).to_json())
            title, words = module.TITLE, module.describe(table)
            figures[name] = Figure(name, title, words, _scoped(svg, name))
    return figures
