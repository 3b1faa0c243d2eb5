"""Run a whole study: data, baselines, models, fine-tuning, evaluation, report.

Finished stages are kept, so the same command continues after an interruption.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.cli.arguments import (
    add_engine,
    add_format,
    add_study,
    check_engine,
    split_overrides,
)
from tunelab.cli.tables import print_sentence, print_table

if TYPE_CHECKING:
    from tunelab.evaluation.decisions import Decision
    from tunelab.evaluation.label_budget.found import LabelBudget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab run`."""
    add_study(parser, remote=True)
    add_engine(parser)
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the study and print its table and the path of the report."""
    from tunelab.study.mirror import mirror
    from tunelab.study.opening import open_study

    check_engine(arguments)
    study = open_study(arguments.study, split_overrides(arguments.overrides))
    out = arguments.out or Path("runs") / study.name
    if isinstance(out, Path):
        return _run(study, out, arguments, remote=None)
    with mirror(out) as folder:
        return _run(study, folder, arguments, remote=out)


def _run(study: Any, out: Path, arguments: argparse.Namespace, remote: str | None) -> int:
    from tunelab.api.run import run_with_report
    from tunelab.guards.visible_text import visible
    from tunelab.report.findings import notes, of_results
    from tunelab.report.review_section import review_sentence
    from tunelab.report.verdict_text import correction_in_words
    from tunelab.runs.run_folder import read_run
    from tunelab.study.judging.decision import decision_of
    from tunelab.study.judging.label_budget import budget_of
    from tunelab.study.judging.review import reviews_of
    from tunelab.study.judging.stage import verdicts_of
    from tunelab.study.judging.wordings import wordings_of

    results, report = run_with_report(study, out, _engine(arguments, remote))
    full = arguments.format != "table"
    rows = [score_row(result, full=full) for result in results if result.stage == "evaluate"]
    run = read_run(out)
    verdicts, decision, wordings = verdicts_of(run), decision_of(run), wordings_of(run)
    budget, reviews = budget_of(run), reviews_of(run)
    claims = [one.to_dict() for one in verdicts.claims]
    value = {
        "report": str(report),
        "decision": decision.to_dict(),
        "review": reviews.to_dict(),
        "claims": claims,
        "tests": verdicts.tests,
        "models": [_full(result) for result in results if result.stage != "budget"],
        **({} if budget is None else {"budget": budget.to_dict()}),
        "wordings": None if wordings is None else wordings.to_dict(),
    }
    print_table(
        rows,
        arguments.format,
        title=f"{study.name}: test rows",
        value=value,
        first_out=("model", "seconds", "rows"),
    )
    facts = [result for result in results if result.stage == "facts"]
    if facts and arguments.format == "table":
        print_table(
            fact_rows(facts),
            "table",
            title=f"{study.name}: costs",
            vital=("name", "to train", "one text"),
        )
    if claims and arguments.format == "table":
        print_table(
            [verdict_row(claim) for claim in claims],
            "table",
            title=f"{study.name}: claims",
            vital=("verdict", "claim", "difference"),
        )
        print_sentence(correction_in_words(verdicts))
    if budget is not None and arguments.format == "table":
        print_table(
            budget_rows(budget),
            "table",
            title=f"{study.name}: accuracy by rows of each label",
            vital=("name",),
        )
    if arguments.format == "table":
        hanging = wordings.hanging if wordings is not None else ()
        for sentence in (*notes(of_results(results)), *time_notes(facts), *hanging):
            print(f"Note: {visible(sentence)}")
    stream = sys.stdout if arguments.format == "table" else sys.stderr
    print(f"Report: {report}", file=stream)
    # Last, so that it is what stays on the screen.
    asked = review_sentence(reviews, decision)
    lines = (*budget_lines(budget), *decision_lines(decision), *([asked] if asked else []))
    for sentence in lines:
        if arguments.format == "table":
            print_sentence(sentence)
        else:
            print(visible(sentence), file=stream)
    return 0


def decision_lines(decision: "Decision") -> list[str]:
    """The decision for a terminal: the answer, what to know beside it, what would change it."""
    answer, changes = " ".join(decision.answer), " ".join(decision.changes[:2])
    return [f"Decision: {answer}", *decision.notes, *([changes] if changes else [])]


def budget_lines(budget: "LabelBudget | None") -> list[str]:
    """The label budget for a terminal; the decision has from how many labels fine-tuning pays."""
    if budget is None:
        return []
    told = [one for one in budget.sentences if budget.pays is None or one != budget.pays.sentence]
    return [f"Labels: {' '.join(told)}", *budget.notes]


def budget_rows(budget: "LabelBudget") -> list[dict[str, Any]]:
    """A line for each classifier: its accuracy at each size, the mean over the draws.

    What is only asked has the same one at each size.
    """
    trained = [
        {
            "name": name,
            **{
                size.in_words: point.accuracy.value
                for size, point in zip(budget.sizes, budget.curve(name), strict=True)
            },
        }
        for name in budget.classifiers
        if budget.curve(name)
    ]
    asked = [
        {
            "name": f"{one.name}, only asked",
            **{size.in_words: one.accuracy.value for size in budget.sizes},
        }
        for one in budget.asked
    ]
    return [*trained, *asked]


def _engine(arguments: argparse.Namespace, remote: str | None) -> Any:
    """What runs the parts of a study elsewhere; None for this process."""
    if arguments.engine == "local":
        return None
    from tunelab.study.engines.ray import run_on_ray

    workers = arguments.workers or max(1, (os.cpu_count() or 1) // arguments.cpus)
    return partial(run_on_ray, workers=workers, cpus=arguments.cpus, remote=remote)


def score_row(result: Any, *, full: bool = False) -> dict[str, Any]:
    """A model's line in the table: the headline metrics, or with ``full`` all of them."""
    from tunelab.evaluation.measuring import recorded
    from tunelab.evaluation.metrics import all_metrics

    scores, found = result.values["scores"], recorded(result.values)
    return {
        "name": result.name,
        "model": result.values["model"],
        "accuracy": scores["accuracy"],
        "95 % interval": _interval(scores["accuracy_low"], scores["accuracy_high"]),
        **{
            name: found.get(name, {}).get("value")
            for name, metric in all_metrics().items()
            if metric.headline or full
        },
        "scored": ((result.values["scored"] or {}).get("scores") or {}).get("accuracy"),
        "unparsed": scores["unparsed"],
        "rows": scores["rows"],
        # A table needs no more than milliseconds.
        "seconds": round(float(result.values["seconds"]), 3),
    }


def fact_rows(results: Sequence[Any]) -> list[dict[str, Any]]:
    """A line for each classifier in the table of costs."""
    from tunelab.evaluation.facts import facts_to_show

    shown = facts_to_show([result.values for result in results])
    return [
        {"name": result.name, **{fact.title: fact.show(result.values) for fact in shown}}
        for result in results
    ]


def time_notes(facts: Sequence[Any]) -> Iterator[str]:
    """Sentences on times that are not those of the classifiers alone."""
    from tunelab.evaluation.facts import doubts_of

    names = [result.name for result in facts if any(doubts_of(result.values))]
    if names:
        yield (
            f"other work ran beside {', '.join(names)}, or a training was interrupted, so that "
            "their times are not reliable; the report says which."
        )


def verdict_row(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """A claim's line in the table."""
    from tunelab.numbers import p_value
    from tunelab.report.verdict_text import difference_in_words, interval_in_words

    return {
        "verdict": verdict["verdict"],
        "claim": verdict["claim"],
        "difference": difference_in_words(verdict),
        "95 % interval": interval_in_words(verdict),
        "p corrected": p_value(verdict["p_corrected"]),
    }


def _interval(low: float | None, high: float | None) -> str | None:
    from tunelab.numbers import interval

    return None if low is None or high is None or low == high else interval(low, high)


def _full(result: Any) -> dict[str, Any]:
    return {"stage": result.stage, "name": result.name, **result.values}
