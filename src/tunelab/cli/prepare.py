"""Load, check, sample and encode the data of a study, and show what a model would be trained on.

--show N prints rows token by token: trained tokens on green, control tokens in blue.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_format, add_study, split_overrides
from tunelab.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab prepare`."""
    add_study(parser)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N encoded rows")
    parser.add_argument(
        "--model",
        default=None,
        metavar="NAME",
        help="whose tokenizer (default: the first method's)",
    )
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Prepare the data and print the checks, the lengths and the rows."""
    from tunelab.errors import UsageError
    from tunelab.study.encoded_view import view_encoding
    from tunelab.study.folder import open_folder
    from tunelab.study.opening import open_study
    from tunelab.study.prepare import prepare

    if arguments.show < 0:
        raise UsageError("--show takes a number of rows.")
    study = open_study(arguments.study, split_overrides(arguments.overrides))
    out = arguments.out or Path("runs") / study.name
    with open_folder(out, study):
        data = prepare(study.data, seed=study.seed, out=out)
    view = view_encoding(study, data, model=arguments.model, show=arguments.show)
    values = data.result.values
    counts = [
        {"split": split, "rows": sum(labels.values()), **labels}
        for split, labels in values["counts"]["sample"].items()
    ]
    report = {
        "origin": values["origin"],
        "counts": values["counts"],
        "checks": values["checks"],
        "dropped": values["dropped"],
        "model": view.model,
        "style": view.format.style,
        "prompt_hash": view.format.hash,
        "lengths": asdict(view.lengths),
        "rows": [row.to_dict() for row in view.rows],
    }
    print_table(counts, arguments.format, title=f"{study.name}: rows", value=report)
    if arguments.format != "json":
        stream = sys.stdout if arguments.format == "table" else sys.stderr
        print("\n".join(_notes(values, view)), file=stream)
        _draw(view)
    return 0


def _notes(values: Mapping[str, Any], view: Any) -> list[str]:
    checks, lengths = values["checks"], view.lengths
    dropped = {fault: sum(rows.values()) for fault, rows in values["dropped"].items()}
    return [
        f"From {values['origin'].rstrip('.')}.",
        f"Checks: repeated {checks['repeated']}, texts with several labels "
        f"{checks['conflicting']}, shared between splits {checks['shared']}, blank "
        f"{checks['blank']}. Left out: {dropped or 'nothing'}.",
        f"{view.model}, {view.format.style} style: {lengths.median} tokens in the middle, "
        f"{lengths.longest} at most; max_length {lengths.max_length} cuts "
        f"{lengths.share_cut:.1%} of the training rows.",
        f"Padding: {lengths.padding_to_max_length:.1%} of all tokens to max_length, "
        f"{lengths.padding_in_batches:.1%} in batches as they come, "
        f"{lengths.padding_by_length:.1%} in batches of like length.",
        f"{lengths.trained_share:.1%} of the tokens are trained; all rows begin with the same "
        f"{lengths.shared_prefix} tokens.",
    ]


def _draw(view: Any) -> None:
    from rich.console import Console
    from rich.markup import escape

    from tunelab.prompts.viewer import draw_row

    console = Console(stderr=False)
    for number, row in enumerate(view.rows, start=1):
        console.rule(f"row {number}: {len(row.tokens)} tokens")
        console.print(draw_row(row))
        console.print(f"[bold]assistant header[/] {escape(repr(row.header))}")
        console.print(f"[bold]trained after it[/] {escape(repr(row.answer))}")
