"""Train the methods of a study, or one of them, without evaluating any model.

Several processes train together, each batch divided among them:

    torchrun --nproc-per-node 2 -m tunelab train starter
    accelerate launch --multi_gpu --num_processes 2 -m tunelab train starter
    accelerate launch --use_fsdp --num_processes 2 -m tunelab train starter

The last one divides the weights as well (FSDP).
"""

import argparse
from pathlib import Path

from tunelab.cli.arguments import add_format, add_study, split_overrides
from tunelab.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab train`."""
    add_study(parser)
    parser.add_argument("--method", metavar="ID", help="train this method of the study alone")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Train, and print what was trained and where the adapter is."""
    from tunelab.study.opening import open_study
    from tunelab.study.run import train_study
    from tunelab.training.processes import is_first

    study = open_study(arguments.study, split_overrides(arguments.overrides))
    out = arguments.out or Path("runs") / study.name
    results = train_study(study, out, arguments.method)
    if not is_first():
        return 0
    rows = [
        {
            "name": result.name,
            "model": result.values["model"],
            "best_loss": result.values["best_loss"],
            "best_step": result.values["best_step"],
            "steps": result.values["steps"],
            "seconds": result.values["seconds"],
            "trainable": result.values["trainable_parameters"],
            "adapter": str(out / "adapters" / result.name),
        }
        for result in results
    ]
    print_table(
        rows,
        arguments.format,
        title=study.name,
        first_out=("model", "steps", "best_step", "seconds", "trainable"),
        vital=("name", "best_loss", "adapter"),
    )
    return 0
