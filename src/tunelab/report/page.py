"""What every page of the report is made with: its template, its numbers, its figures."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab import registry
from tunelab.numbers import (
    counted,
    data_size,
    duration,
    interval,
    mean_count,
    number,
    p_value,
    share,
    signed,
    signed_interval,
    with_unit,
)
from tunelab.report.scripts import page_scripts
from tunelab.report.shortened import excerpt, listed
from tunelab.report.style import styled
from tunelab.runs.results import write_bytes, write_text

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

_PNG_SCALE = 2
# Characters of a figure on a page, picture and data together.
_LARGEST = 2_000_000
# The white sheet that a picture of its own lies on.
_PAPER = re.compile(r'<rect width="[^"]+" height="[^"]+" fill="white"(?:/>|></rect>)')


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its title, the same in words, its picture, and what draws it anew.

    ``svg`` is the picture, ``data`` the Vega-Lite specification as JSON that a page can hold; both
    are empty where they are too large for a page.
    """

    name: str
    title: str
    description: str
    svg: str
    data: str


def draw_figure(
    name: str,
    table: "pd.DataFrame",
    folder: Path | None = None,
    *,
    known: Mapping[str, str] = registry.FIGURES,
) -> Figure | None:
    """Draw a figure of the registry (of the table ``known``), or None where its table is empty.

    With a folder, it is written there as SVG and PNG too.
    """
    import altair as alt
    import vl_convert
    from altair.utils.schemapi import debug_mode

    if table.empty:
        return None
    module = registry.resolve("figure", name, known)
    # Altair refuses 5,000 rows. Every figure bounds what it draws, whatever its table has, and
    # the page has its own bound below: nothing may fail here after all training is done.
    # Its check of each part against the schema of Vega-Lite takes half of the time of drawing; the
    # tests draw every figure with it.
    with alt.data_transformers.enable("default", max_rows=None), debug_mode(False):
        specification = styled(module.draw(table)).to_dict()
    svg = vl_convert.vegalite_to_svg(specification)
    if folder is not None:
        write_text(folder / f"{name}.svg", svg)
        write_bytes(folder / f"{name}.png", vl_convert.svg_to_png(svg, scale=_PNG_SCALE))
    # On a page the paper is the page's own, be it light or dark, and the words stand beside it.
    specification["config"] |= {"background": None, "aria": False}
    # Nothing within it can end the element that holds it.
    data = json.dumps(specification, ensure_ascii=False).replace("<", "\\u003c")
    if len(svg) + len(data) > _LARGEST:
        svg = data = ""
    return Figure(name, module.TITLE, module.describe(table), _scoped(svg, name), data)


def render(template: str, *, figures: dict[str, Figure], **values: Any) -> str:
    """Fill a template. What comes from data is never markup, and what is missing is an error.

    A page without figures needs no scripts and has none.
    """
    scripts = page_scripts() if figures else ()
    return _templates().get_template(template).render(figures=figures, scripts=scripts, **values)


@cache
def _templates() -> "Environment":
    """The templates of pages, compiled once in a process."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tunelab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "excerpt": excerpt,
        "listed": listed,
        "number": number,
        "signed": signed,
        "share": share,
        "duration": duration,
        "breakable": breakable,
        "bytes": data_size,
        "p": p_value,
        "counted": counted,
        "interval": interval,
        "mean_count": mean_count,
        "signed_interval": signed_interval,
        "with_unit": with_unit,
    }
    return environment


def breakable(name: str) -> Any:
    """A name as markup that a narrow column breaks behind an underscore, and nowhere else."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in str(name).split("_"))


def _scoped(svg: str, name: str) -> str:
    """An SVG whose ids have a prefix, so that several fit into one page, and which has no roles."""
    # The element around it says what it shows; the roles within would each ask for words.
    svg = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", svg)
    svg = _PAPER.sub("", svg, count=1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    return re.sub(r'href="#', f'href="#{name}-', svg)
