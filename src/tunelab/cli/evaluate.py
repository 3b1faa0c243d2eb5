"""Evaluate models and adapters on a labelled file, all on the same rows.

FILE is JSONL, CSV, TSV or Parquet, or a .txt file of text;label lines. Models are asked with the
prompt of a study (prompt.system=..., evaluation.max_new_tokens=...), adapters with their own.
"""

import argparse
from pathlib import Path

from tunelab.cli.arguments import add_format, split_overrides
from tunelab.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab evaluate`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="labelled rows")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="of prompt, evaluation")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="repeatable")
    parser.add_argument(
        "--adapter", action="append", default=[], type=Path, metavar="DIR", help="repeatable"
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of the texts")
    parser.add_argument("--label", default="label", metavar="COLUMN", help="column of the labels")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Evaluate, and print a row for each model."""
    from tunelab.config import make_study
    from tunelab.data.readers import check_file
    from tunelab.errors import UsageError
    from tunelab.models.catalog import find
    from tunelab.strict_yaml import apply_overrides
    from tunelab.study.adapters import read_record
    from tunelab.study.evaluate import evaluate_file, read_labelled

    if not arguments.model and not arguments.adapter:
        raise UsageError("name at least one --model NAME or --adapter DIR.")
    study = make_study(apply_overrides({}, split_overrides(arguments.overrides)))
    check_file(arguments.file)
    for name in arguments.model:
        find(name)
    for folder in arguments.adapter:
        read_record(folder)
    rows = read_labelled(arguments.file, text=arguments.text, label=arguments.label)

    from tunelab.models.device import pick_device, pick_dtype

    device = pick_device(arguments.device)
    results = evaluate_file(
        rows,
        models=arguments.model,
        adapters=arguments.adapter,
        prompt=study.prompt,
        evaluation=study.evaluation,
        device=device,
        dtype=pick_dtype("auto", device),
    )
    table = [
        {
            "name": result["name"],
            "accuracy": result["scores"]["accuracy"],
            "low": result["scores"]["accuracy_low"],
            "high": result["scores"]["accuracy_high"],
            "f1_macro": result["scores"]["f1_macro"],
            "f1_micro": result["scores"]["f1_micro"],
            "f1_weighted": result["scores"]["f1_weighted"],
            "unparsed": result["scores"]["unparsed"],
            "rows": result["scores"]["rows"],
        }
        for result in results
    ]
    print_table(table, arguments.format, title=arguments.file.name, value=results)
    return 0
