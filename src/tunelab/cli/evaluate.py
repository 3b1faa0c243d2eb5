"""Evaluate models and adapters on a labelled file, all on the same rows.

FILE is CSV, TSV, JSON, Parquet, Excel, or .txt with text;label lines. Models are asked with the
prompt of a study (prompt.system=..., evaluation.max_new_tokens=...), adapters with their own.

Adapters answer with the labels that they were trained with, also where FILE lacks some of them.
Models choose among the same labels, among those of --labels, or without either among those of FILE.
A row of FILE whose label is none of these counts as wrong, and what is compared has the same labels
to choose from; the lines below the table say so.

FILE may also be the predictions.parquet of a run, or one that --save wrote: it is then measured
again, with other settings if you like (evaluation.normalize=mean), and no model is loaded.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_format, split_overrides
from tunelab.cli.tables import print_table
from tunelab.config import make_study
from tunelab.data.readers import check_data_file
from tunelab.errors import UsageError
from tunelab.guards.strict_yaml import apply_overrides


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
    from tunelab.api.evaluate import evaluate
    from tunelab.classifiers.stored import read_record
    from tunelab.guards.visible_text import visible
    from tunelab.models.kinds import find_language_model
    from tunelab.report.findings import notes as notes_on_scores
    from tunelab.runs.results import write_table
    from tunelab.serving.evaluate import is_stored, notes

    study = make_study(apply_overrides({}, split_overrides(arguments.overrides)))
    if not 0 <= arguments.seed < 2**32:
        raise UsageError("--seed must be from 0 to 4294967295.")
    for name in arguments.model:
        find_language_model(name)
    for folder in arguments.adapter:
        read_record(folder)
    named = [*arguments.model, *arguments.adapter]
    if not named and not is_stored(arguments.file):
        raise UsageError("name at least one --model NAME or --adapter DIR.")
    check_data_file(arguments.file)
    _check_save(arguments.save)
    found = evaluate(
        named or None,
        arguments.file,
        text=arguments.text,
        label=arguments.label,
        labels=_labels(arguments),
        examples=_examples(arguments, study.evaluation.shots) if named else None,
        prompt=study.prompt.model_dump(exclude_unset=True),
        device=arguments.device,
        seed=arguments.seed,
        **study.evaluation.model_dump(exclude_unset=True),
    )
    if arguments.save:
        kept = found.predictions.rename(columns={"name": "run"}).to_dict("records")
        write_table(arguments.save, [{str(key): row[key] for key in row} for row in kept])
    results = found.details
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


def _labels(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """The labels that models choose among."""
    from tunelab.serving.label_choice import parse_labels

    if arguments.labels is None:
        return None
    labels = parse_labels(arguments.labels)
    if not arguments.model:
        raise UsageError(
            "--labels is what models choose among, and there is no --model; an adapter has the "
            "labels that it was trained with."
        )
    return labels


def _examples(arguments: argparse.Namespace, shots: int) -> Path | None:
    examples: Path | None = arguments.examples
    if bool(examples) != bool(shots):
        raise UsageError(
            "--examples FILE and evaluation.shots=K go together: K rows of FILE are shown."
        )
    return examples


def _check_save(path: Path | None) -> None:
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
