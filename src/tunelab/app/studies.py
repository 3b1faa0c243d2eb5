"""Studies: the runs of a folder and their scores, read without loading a model."""

from pathlib import Path
from typing import Any

from tunelab.app import job
from tunelab.app.markup import Markup, join, link, notice, table, tag
from tunelab.app.names import report_path, run_folder, run_names
from tunelab.errors import TunelabError
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.verdicts import Verdicts
from tunelab.numbers import with_unit
from tunelab.report.decision_section import chart_of
from tunelab.report.verdict_text import correction_in_words
from tunelab.runs.run_folder import read_run
from tunelab.study.judging.decision import decision_of, kept_decision
from tunelab.study.judging.stage import kept_verdicts, verdicts_of


def overview(runs: Path) -> Markup:
    """A row for each run, the newest first."""
    rows = [_line(runs / name) for name in run_names(runs)]
    if not rows:
        return notice(
            "There are no runs yet. Start one on the page Fine-tune, or with the command tunelab "
            "run.",
            "note",
        )
    return table(rows, caption=f"{len(rows)} {'run' if len(rows) == 1 else 'runs'}")


def details(runs: Path, name: str) -> Markup:
    """The scores and verdicts of one run, and its report.

    Raises:
        UsageError: there is no such run, or nothing of it has finished.
        RunError: a record is damaged.
    """
    folder = run_folder(runs, name)
    run = read_run(folder)
    parts = [tag("h2", name), tag("p", f"Data: {run.prepared.values['origin']}", dir="auto")]
    if report_path(runs, name) is not None:
        parts.append(tag("p", link(f"/report/{name}", "Open the report"), class_="tl-open"))
    parts += _decision(decision_of(run))
    scores = [_score(result.name, result.values) for result in run.evaluated]
    parts.append(table(scores, caption="Scores on the test rows"))
    every = [_every_score(result.name, result.values) for result in run.evaluated]
    if every:
        folded = table(every, caption="All scores on the test rows")
        parts.append(tag("details", join([tag("summary", "All scores"), folded])))
    verdicts = verdicts_of(run)
    parts.append(table(_verdicts(verdicts), caption="Claims"))
    if verdicts.claims:
        parts.append(tag("p", correction_in_words(verdicts)))
    parts += [notice(f"{one['name']}: {one['error']}") for one in run.failures]
    return join(parts)


def _decision(decision: Decision) -> list[Markup]:
    """The answer, and each classifier with its score, its costs and its place."""
    rows = [
        {
            "name": row.name,
            "decision": row.mark,
            decision.title: row.score,
            "95 % interval": row.interval,
            **dict(row.costs),
        }
        for row in chart_of(decision).rows
    ]
    return [
        tag("h3", "Decision"),
        *(tag("p", tag("strong", sentence)) for sentence in decision.answer),
        *(tag("p", sentence) for sentence in (*decision.notes, *decision.changes)),
        *([table(rows, caption="Which classifier to take")] if rows else []),
    ]


def _line(folder: Path) -> dict[str, Any]:
    line: dict[str, Any] = {
        "run": folder.name,
        "state": _state(folder),
        "best": None,
        "accuracy": None,
        "take": None,
        "claims supported": None,
        "report": None,
    }
    try:
        run = read_run(folder)
        scores = [(result.values["scores"]["accuracy"], result.name) for result in run.evaluated]
    except (TunelabError, KeyError, TypeError):
        return line
    if scores:
        line["accuracy"], line["best"] = max(scores, key=lambda pair: pair[0] or 0.0)
    # Judging every run of the list would take too long.
    verdicts = kept_verdicts(run)
    if verdicts is not None and verdicts.claims:
        supported = sum(one.verdict == "supported" for one in verdicts.claims)
        line["claims supported"] = f"{supported} of {len(verdicts.claims)}"
    decision = kept_decision(run)
    if decision is not None:
        line["take"] = decision.recommended
    if (folder / "report.html").is_file():
        line["report"] = link(f"/report/{folder.name}", f"Report of {folder.name}")
    return line


def _state(folder: Path) -> str:
    """The state of a run; of one that the app did not start, only whether it has a report."""
    if not (folder / job.FOLDER / job.RECORD).is_file():
        return "finished" if job.state(folder) == "finished" else "no report yet"
    return job.state(folder)


def _score(name: str, values: Any) -> dict[str, Any]:
    scores, found = values["scores"], recorded(values)
    low, high = scores["accuracy_low"], scores["accuracy_high"]
    return {
        "name": name,
        "model": Path(str(values["model"])).name,
        "accuracy": scores["accuracy"],
        "95 % interval": None if low is None or high is None else f"{low:.3f} to {high:.3f}",
        **{
            metric.title: found.get(name, {}).get("value")
            for name, metric in all_metrics().items()
            if metric.headline
        },
        "answers without a label": scores["unparsed"],
        "rows": scores["rows"],
    }


def _every_score(name: str, values: Any) -> dict[str, Any]:
    found = recorded(values)
    return {
        "name": name,
        **{
            metric.title: with_unit(found[key]["value"], metric.unit) if key in found else None
            for key, metric in all_metrics().items()
        },
    }


def _verdicts(verdicts: Verdicts) -> list[dict[str, Any]]:
    return [
        {
            "claim": one.claim.claim,
            "verdict": one.verdict,
            "difference": one.comparison.difference.value,
        }
        for one in verdicts.claims
    ]
