"""The page of several runs: their scores side by side, and differences on the rows they share."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab import __version__
from tunelab.errors import RunError
from tunelab.evaluation.claims import ALPHA
from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.metrics import Metric, all_metrics, find_metric
from tunelab.evaluation.shared_rows import METRICS, SharedRows, compare_runs, run_titles
from tunelab.evaluation.sides import Side, grouped_sides
from tunelab.evaluation.statistics.seeds import summarize
from tunelab.numbers import UNDEFINED, interval, with_unit
from tunelab.report.page import render
from tunelab.runs.results import write_text
from tunelab.runs.run_folder import RunFolder, read_run

PAGE = "comparison.html"


def build_comparison(
    folders: Sequence[Path], page: Path, *, seed: int = 42, resamples: int = 5000
) -> Path:
    """Write a page that compares the classifiers of two runs or more; return its path.

    Scores are those of each run's own test rows and of the rows that all runs share, which are
    those with the same text and the same label. Differences are tested on the shared rows alone.
    The page is one file that loads nothing.

    Raises:
        UsageError: a folder holds no run, a run is named twice, or one has no answers yet.
        RunError: a record is damaged, or the page cannot be written.
    """
    runs = [read_run(folder) for folder in folders]
    try:
        found = compare_runs(
            runs, classifiers=None, metrics=METRICS, seed=seed, resamples=resamples
        )
        text = _render(runs, found)
    except (KeyError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise RunError(
            f"a record in one of the runs is damaged ({type(error).__name__}: "
            f"{str(error)[:120]}); run its study again."
        ) from error
    write_text(page, text)
    return page


def _render(runs: Sequence[RunFolder], found: SharedRows) -> str:
    titles = run_titles(runs)
    headlines = [metric for metric in all_metrics().values() if metric.headline]
    return render(
        "comparison.html.j2",
        figures={},
        version=__version__,
        alpha=ALPHA,
        shared=found,
        runs=list(zip(titles, runs, strict=True)),
        headlines=headlines,
        scores=[
            row
            for title, run in zip(titles, runs, strict=True)
            for row in _scores(title, run, found, headlines)
        ],
        title_of=lambda name: find_metric(name).title,
    )


def _scores(
    title: str, run: RunFolder, found: SharedRows, headlines: Sequence[Metric]
) -> Iterator[dict[str, Any]]:
    """A row for each classifier of a run: each headline metric on its own and on shared rows."""
    for side in grouped_sides(run):
        shared = found.sides.get(f"{title}/{side.name}")
        yield {
            "run": title,
            "name": side.name,
            "model": side.origin.model,
            "seeds": len(side.asked),
            "scores": [
                (
                    *_own(side, metric),
                    _shown(*shared.value(metric.id), metric) if shared else UNDEFINED,
                )
                for metric in headlines
            ],
        }


def _own(side: Side, metric: Metric) -> tuple[str, str]:
    """A metric on the run's own rows, and its interval; over several seeds that of other seeds."""
    records = [recorded(result.values).get(metric.id) for result in side.asked]
    known = [record for record in records if record is not None]
    if not known or len(known) != len(records):
        return UNDEFINED, ""
    one: Mapping[str, Any] = known[0]
    if len(known) > 1:
        values = [record["value"] for record in known]
        one = summarize(values, bounds=metric.limits).to_dict()
    ends = "" if one["low"] is None else interval(one["low"], one["high"], metric.unit)
    return _shown(one["value"], one.get("bound"), metric), ends


def _shown(value: float | None, bound: str | None, metric: Metric) -> str:
    return " ".join(filter(None, (bound, with_unit(value, metric.unit))))
