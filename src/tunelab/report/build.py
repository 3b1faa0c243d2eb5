"""Build report.html and the figures of a run folder."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tunelab import __version__, registry
from tunelab.errors import RunError
from tunelab.evaluation.claims import ALPHA
from tunelab.evaluation.facts import facts_to_show
from tunelab.evaluation.forgetting import in_words, read_forgetting
from tunelab.evaluation.metrics import find_metric
from tunelab.evaluation.origins import apart
from tunelab.evaluation.sides import sides_of
from tunelab.generation.open_record import (
    answers_to_read,
    measures_table,
    read_conversations,
    read_open,
    rules_kept,
)
from tunelab.guards.bounded_files import within
from tunelab.guards.spreadsheet import csv_cell
from tunelab.methods.explained import explain
from tunelab.report.all_scores import all_scores
from tunelab.report.budget_section import budget_table
from tunelab.report.class_scores import FILE as CLASSES
from tunelab.report.class_scores import class_rows, class_tables
from tunelab.report.confused_pairs import FILE as CONFUSIONS
from tunelab.report.confused_pairs import confused_pairs
from tunelab.report.contrasts import contrasts_of
from tunelab.report.decision_section import chart_of, limits_of
from tunelab.report.drawings import draw_method
from tunelab.report.facts_table import facts_of
from tunelab.report.figures.confusion import collect as confusions
from tunelab.report.findings import find
from tunelab.report.methods_table import methods_of
from tunelab.report.mistakes import KINDS, find_mistakes
from tunelab.report.page import Figure, draw_figure, render
from tunelab.report.review_section import review_section
from tunelab.report.seeds import over_seeds
from tunelab.report.tokenizer_record import read_record
from tunelab.report.verdict_text import correction_in_words, how_tested, row_value, values_in_words
from tunelab.runs.results import Result, write_text
from tunelab.runs.run_folder import RunFolder, predictions, read_run
from tunelab.study.judging.decision import decision_of
from tunelab.study.judging.label_budget import budget_of
from tunelab.study.judging.review import reviews_of
from tunelab.study.judging.stage import verdicts_of
from tunelab.study.judging.wordings import wordings_of

# Right answers to read, and wrong ones: of a model, and of all models together.
_EXAMPLES = 12
_ALL_EXAMPLES = 120


def build_report(folder: Path) -> Path:
    """Write the figures and report.html; return the report's path.

    figures/ holds each figure as SVG and PNG, and as CSV the scores of every label and every
    cell of the confusion matrices, as a page has no room for 1,000 labels.

    The report is one file that loads nothing. It is built from what is finished, so a run that
    failed half-way has one as well.

    Raises:
        UsageError: the folder holds no run.
        RunError: a record is damaged, or the folder cannot be written.
    """
    run = read_run(folder)
    # A link there would have figures written somewhere else.
    within(folder, folder / "figures")
    try:
        return _build(run)
    except (KeyError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise RunError(
            f"a record in {folder} is damaged ({type(error).__name__}: {str(error)[:120]}); run "
            "the study again."
        ) from error


def _build(run: RunFolder) -> Path:
    folder = run.folder
    figures = {}
    for name in registry.FIGURES:
        table = registry.resolve("figure", name, registry.FIGURES).collect(run)
        figure = draw_figure(name, table, folder / "figures")
        if figure is not None:
            figures[name] = figure
    _write_rows(folder / CONFUSIONS, confusions(run).to_dict("records"))
    _write_rows(folder / CLASSES, class_rows(run))
    path = folder / "report.html"
    write_text(path, _render(run, figures))
    return path


def _render(run: RunFolder, figures: dict[str, Figure]) -> str:
    verdicts = verdicts_of(run)
    decision = decision_of(run)
    budget = budget_of(run)
    open_answers = read_open(run)
    methods = methods_of(run)
    examples = min(_EXAMPLES, max(1, _ALL_EXAMPLES // max(1, len(run.evaluated))))
    mistakes = find_mistakes(run)
    # The page's filter identifies labels by their index, as a label can be long.
    positions = {label: str(at) for at, label in enumerate(run.prepared.values["labels"])}
    return render(
        "report.html.j2",
        run=run,
        version=__version__,
        figures=figures,
        verdicts=verdicts,
        correction=correction_in_words(verdicts),
        decision=decision,
        decision_chart=chart_of(decision),
        decision_limits=limits_of(decision),
        budget=budget,
        budget_table=budget_table(budget) if budget is not None else None,
        review=review_section(reviews_of(run), decision),
        findings=find(run, verdicts),
        apart_note=_apart_note(run),
        all_scores=all_scores(run),
        title_of=lambda name: find_metric(name).title,
        values_in_words=values_in_words,
        how_tested=how_tested,
        row_value=row_value,
        facts=facts_of(run),
        known_facts=facts_to_show(row.facts for row in facts_of(run)),
        mistakes=mistakes,
        kinds=KINDS,
        seeds=over_seeds(run),
        wordings=wordings_of(run),
        forgotten=forgotten(run),
        tokenizers=read_record(run),
        open_answers=open_answers,
        open_measures=measures_table(open_answers) if open_answers else [],
        open_texts=answers_to_read(open_answers) if open_answers else [],
        conversations=read_conversations(run),
        methods=methods,
        has_heads=any(result.values.get("answers") == "head" for result in run.tuned),
        on_device=any(result.values.get("device") == "cuda" for result in run.trained),
        contrasts=contrasts_of(methods, verdicts.methods),
        explanations=[
            (explain(name), draw_method(name))
            # A run of a method that came from another package can be read without it.
            for name in {row.method: row for row in methods if row.method in registry.METHODS}
        ],
        rules_kept=rules_kept,
        alpha=ALPHA,
        answers=[(result, *_answers(result, examples)) for result in run.evaluated],
        positions=positions,
        answered={
            row.row: sorted(
                {positions[label] for label in row.answers.values() if label in positions}
            )
            for row in mistakes.rows
        },
        class_tables=class_tables(run),
        classes_file=CLASSES,
        confused=confused_pairs(run),
        confusions_file=CONFUSIONS,
        licences=_licences(run),
    )


def forgotten(run: RunFolder) -> list[tuple[str, Mapping[str, Any], str]]:
    """Each fine-tuned model with what it forgot, and that in words or why it is not known."""
    rows = []
    for result in run.forgotten:
        values = result.values
        told = f"{result.name}: not measured, as {values['reason']}."
        if values["reason"] is None:
            told = in_words(result.name, read_forgetting(values))
        rows.append((result.name, values, told))
    return rows


def _apart_note(run: RunFolder) -> str:
    """That the base and the instruction-tuned model are of other families, for a caption."""
    sides = sides_of(run)
    base, instruct = sides.get("base"), sides.get("instruct")
    told = apart(base.origin, instruct.origin) if base and instruct else None
    return f"{told[:1].upper()}{told[1:]}: they differ in more than their training." if told else ""


def _write_rows(path: Path, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Write rows with the same keys as CSV, of which no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for position, row in enumerate(rows):
        if not position:
            writer.writerow(row)
        writer.writerow([csv_cell(cell) for cell in row.values()])
    write_text(path, buffer.getvalue())


def _answers(result: Result, examples: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Some right and some wrong answers, spread over the rows."""
    table = predictions(result)[["text", "truth", "predicted", "answer", "reason"]]
    right = table[table["predicted"] == table["truth"]]
    wrong = table[table["predicted"] != table["truth"]]
    return _spread(right, examples), _spread(wrong, examples)


def _spread(table: Any, examples: int) -> list[dict[str, Any]]:
    step = max(1, len(table) // examples)
    rows: list[dict[str, Any]] = table.iloc[::step].head(examples).to_dict("records")
    return [{key: None if value != value else value for key, value in row.items()} for row in rows]


def _address(url: Any) -> str:
    """An address that a reader may follow, or nothing: a link can also be a script."""
    return str(url) if str(url).startswith(("https://", "http://")) else ""


def _licences(run: RunFolder) -> list[tuple[str, str, str]]:
    values = [result.values for result in [*run.evaluated, *run.trained]]
    found = {
        str(value["model"]): (str(value["licence"]), _address(value["licence_url"]))
        for value in values
        if "licence" in value
    }
    return [(name, licence, url) for name, (licence, url) in sorted(found.items())]
