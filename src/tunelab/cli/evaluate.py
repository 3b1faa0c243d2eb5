"""Evaluate models and adapters on a labelled file, all on the same rows.

FILE is CSV, TSV, JSON, Parquet, Excel, or .txt with text;label lines. Models are asked with the
prompt of a study (prompt.system=..., evaluation.max_new_tokens=...), adapters with their own.

Adapters answer with the labels that they were trained with, also where FILE lacks some of them.
Models choose among the same labels, among those of --labels, or without either among those of FILE.
A row of FILE whose label is none of these counts as wrong, and what is compared has the same labels
to choose from; the lines below the table tell.

FILE may also be the predictions.parquet of a run, or one that --save wrote: it is then measured
again, with other settings if you like (evaluation.normalize=mean), and no model is loaded.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_format, split_overrides
from tunelab.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab evaluate`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="labelled rows, or predictions")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="of prompt, evaluation")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="repeatable")
    parser.add_argument(
        "--adapter", action="append", default=[], type=Path, metavar="DIR", help="repeatable"
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of the texts")
    parser.add_argument("--label", default="label", metavar="COLUMN", help="column of the labels")
    parser.add_argument(
        "--labels",
        metavar="LABELS",
        help="what models can answer: anger,fear,joy, or a .txt file with a label a line "
        "(default: the labels of the adapters, else those of FILE)",
    )
    parser.add_argument(
        "--examples",
        type=Path,
        metavar="FILE",
        help="labelled rows to show models in the prompt, as many as evaluation.shots",
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep predictions as Parquet")
    parser.add_argument("--seed", type=int, default=42, help="of the bootstrap and the examples")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Evaluate, and print a row for each model."""
    from tunelab.config import make_study
    from tunelab.data.readers import check_data_file
    from tunelab.errors import UsageError
    from tunelab.guards.strict_yaml import apply_overrides
    from tunelab.guards.visible_text import visible
    from tunelab.report.findings import notes as notes_on_scores
    from tunelab.study.evaluate import evaluate_stored, is_stored, notes

    study = make_study(apply_overrides({}, split_overrides(arguments.overrides)))
    if not 0 <= arguments.seed < 2**32:
        raise UsageError("--seed must be from 0 to 4294967295.")
    named = bool(arguments.model or arguments.adapter)
    if not named and not is_stored(arguments.file):
        raise UsageError("name at least one --model NAME or --adapter DIR.")
    check_data_file(arguments.file)
    if named:
        results = _ask(arguments, study)
    else:
        results = evaluate_stored(arguments.file, evaluation=study.evaluation, seed=arguments.seed)
    table = [_row(result, full=arguments.format != "table") for result in results]
    print_table(
        table,
        arguments.format,
        title=arguments.file.name,
        value=results,
        first_out=("f1_micro", "f1_weighted", "f1_low", "f1_high", "forced", "rows"),
    )
    for note in notes(results):
        print(note, file=sys.stderr)
    if arguments.format == "table":
        for sentence in notes_on_scores([(str(result["name"]), result) for result in results]):
            print(f"Note: {visible(sentence)}")
    return 0


def _ask(arguments: argparse.Namespace, study: Any) -> list[dict[str, Any]]:
    from tunelab.classifiers.answered import table_rows
    from tunelab.classifiers.stored import read_record
    from tunelab.errors import UsageError
    from tunelab.models.catalog import find
    from tunelab.models.device import pick_device, pick_dtype
    from tunelab.runs.results import write_table
    from tunelab.study.evaluate import evaluate_file, read_labelled
    from tunelab.study.label_choice import parse_labels

    for name in arguments.model:
        find(name)
    for folder in arguments.adapter:
        read_record(folder)
    _check_save(arguments.save)
    given = None
    if arguments.labels is not None:
        given = parse_labels(arguments.labels)
        if not arguments.model:
            raise UsageError(
                "--labels is what models choose among, and there is no --model; an adapter has the "
                "labels that it was trained with."
            )
    shots = study.evaluation.shots
    if bool(arguments.examples) != bool(shots):
        raise UsageError(
            "--examples FILE and evaluation.shots=K go together: K rows of FILE are shown."
        )
    columns = {"text": arguments.text, "label": arguments.label}
    rows = read_labelled(arguments.file, **columns)
    shown = read_labelled(arguments.examples, **columns) if arguments.examples else []
    device = pick_device(arguments.device)
    results, predictions = evaluate_file(
        rows,
        models=arguments.model,
        adapters=arguments.adapter,
        prompt=study.prompt,
        evaluation=study.evaluation,
        device=device,
        dtype=pick_dtype("auto", device),
        seed=arguments.seed,
        shown=shown,
        labels=given,
    )
    if arguments.save:
        write_table(
            arguments.save,
            [
                {"run": result["name"], **row}
                for result in results
                for row in table_rows(predictions[result["name"]], result["mode"], study.evaluation)
            ],
        )
    return results


def _check_save(path: Path | None) -> None:
    from tunelab.errors import UsageError

    if path is None:
        return
    if path.suffix.lower() != ".parquet" or path.is_dir():
        raise UsageError(f"--save {path}: predictions are kept as Parquet; name a .parquet file.")


def _row(result: dict[str, Any], *, full: bool) -> dict[str, Any]:
    """A line of the table: the headline metrics, or with ``full`` all of them."""
    from tunelab.evaluation.metrics import all_metrics

    scores, f1 = result["scores"], result["intervals"]["f1_macro"]
    generated, scored = result["generated"] or {}, result["scored"] or {}
    return {
        "name": result["name"],
        "accuracy": scores["accuracy"],
        "low": scores["accuracy_low"],
        "high": scores["accuracy_high"],
        "f1_macro": scores["f1_macro"],
        "f1_low": f1["low"],
        "f1_high": f1["high"],
        "f1_micro": scores["f1_micro"],
        "f1_weighted": scores["f1_weighted"],
        "generated": generated.get("scores", {}).get("accuracy"),
        "scored": scored.get("scores", {}).get("accuracy"),
        "forced": (result["forced"] or {}).get("value"),
        "unparsed": scores["unparsed"],
        "rows": scores["rows"],
        "f1_labels": len(result["f1_macro_labels"]),
        **{
            name: result["metrics"].get(name, {}).get("value")
            for name, metric in all_metrics().items()
            if metric.headline or full
        },
    }
