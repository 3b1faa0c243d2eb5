"""Build report.html and the figures of a run folder."""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import __version__, registry
from tunelab.evaluation.claims import ALPHA
from tunelab.report.findings import find
from tunelab.report.mistakes import KINDS, find_mistakes
from tunelab.report.open_record import read_conversations, read_open
from tunelab.report.run_folder import RunFolder, predictions, read_run
from tunelab.report.seeds import over_seeds
from tunelab.report.style import styled
from tunelab.report.tokenizer_record import read_record
from tunelab.report.verdicts import Judgement, judge
from tunelab.results import Result, write_bytes, write_json, write_text

_EXAMPLES = 12
_PNG_SCALE = 2


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its SVG, its title, and the same in words."""

    name: str
    title: str
    description: str
    svg: str


def build_report(folder: Path) -> Path:
    """Write figures/*.svg and *.png, verdicts.json and report.html; return the report's path.

    The report is one file that loads nothing. It is built from what is finished, so a run that
    failed half-way has one as well.

    Raises:
        UsageError: the folder holds no run.
        RunError: a record is damaged, or the folder cannot be written.
    """
    run = read_run(folder)
    figures = {name: _figure(run, name) for name in registry.FIGURES}
    judgement = judge(run)
    write_json(folder / "verdicts.json", [entry.to_dict() for entry in judgement.claims])
    path = folder / "report.html"
    drawn = {name: figure for name, figure in figures.items() if figure}
    write_text(path, _render(run, drawn, judgement))
    return path


def _figure(run: RunFolder, name: str) -> Figure | None:
    """Draw a figure and write its files, or None where the run has nothing to show in it."""
    import vl_convert

    module = registry.resolve("figure", name, registry.FIGURES)
    table = module.collect(run)
    if table.empty:
        return None
    specification = styled(module.draw(table)).to_json()
    svg = vl_convert.vegalite_to_svg(specification)
    png = vl_convert.vegalite_to_png(specification, scale=_PNG_SCALE)
    write_text(run.folder / "figures" / f"{name}.svg", svg)
    write_bytes(run.folder / "figures" / f"{name}.png", png)
    return Figure(name, module.TITLE, module.describe(table), _scoped(svg, name))


def _scoped(svg: str, name: str) -> str:
    """Give the ids of an SVG a prefix, so that several fit into one page."""
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    return re.sub(r'href="#', f'href="#{name}-', svg)


def _render(run: RunFolder, figures: dict[str, Figure], judgement: Judgement) -> str:
    from importlib.resources import files

    from jinja2 import Environment, PackageLoader, StrictUndefined

    script = (files("tunelab.report") / "templates" / "filter.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    environment = Environment(
        loader=PackageLoader("tunelab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "signed": _signed,
        "share": _share,
        "duration": _duration,
        "p": _p_value,
    }
    return environment.get_template("report.html.j2").render(
        run=run,
        version=__version__,
        figures=figures,
        script=script,
        script_hash=digest,
        judgement=judgement,
        findings=find(run, judgement),
        mistakes=find_mistakes(run),
        kinds=KINDS,
        seeds=over_seeds(run),
        tokenizers=read_record(run),
        open_answers=read_open(run),
        conversations=read_conversations(run),
        alpha=ALPHA,
        answers=[(result, *_answers(result)) for result in run.evaluated],
        licences=_licences(run),
    )


def _answers(result: Result) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Some right and some wrong answers, spread over the rows."""
    table = predictions(result)[["text", "truth", "predicted", "answer", "reason"]]
    right = table[table["predicted"] == table["truth"]]
    wrong = table[table["predicted"] != table["truth"]]
    return _spread(right), _spread(wrong)


def _spread(table: Any) -> list[dict[str, Any]]:
    step = max(1, len(table) // _EXAMPLES)
    rows: list[dict[str, Any]] = table.iloc[::step].head(_EXAMPLES).to_dict("records")
    return [{key: None if value != value else value for key, value in row.items()} for row in rows]


def _licences(run: RunFolder) -> list[tuple[str, str, str]]:
    values = [result.values for result in [*run.evaluated, *run.trained]]
    found = {
        str(value["model"]): (str(value["licence"]), str(value["licence_url"]))
        for value in values
        if "licence" in value
    }
    return [(name, licence, url) for name, (licence, url) in sorted(found.items())]


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 10000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if 0 < abs(value) < 0.1 else f"{value:.3f}"


def _signed(value: float | None) -> str:
    """A difference, with a true minus sign."""
    if value is None:
        return "–"
    text = _number(abs(value))
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else text


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
