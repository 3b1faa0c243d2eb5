"""Search the settings of a method: many short trials, then the winner against the study's own.

  tunelab sweep starter --space methods.0.r=4..64:log --space training.learning_rate=1e-4..1e-2:log
  tunelab sweep starter --sweep sweep.yaml --trials 40

Trials are compared on rows that are held out of the training rows. The winner and the study's own
setting are then retrained with several seeds and compared on the test rows. The same command goes
on after an interruption, and more workers join with --storage, each with a folder of its own.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_format, add_study, split_overrides
from tunelab.cli.tables import print_table
from tunelab.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab sweep`."""
    add_study(parser, out="runs/<study>-sweep")
    parser.add_argument(
        "--sweep",
        type=Path,
        metavar="FILE",
        help="a YAML file with space, goals, method, trials, seeds, hold_out and prune",
    )
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="KEY=RANGE",
        help="4..64, 1e-5..1e-2:log, 0..1:0.25 or [a, b]; repeatable",
    )
    parser.add_argument(
        "--goal", action="append", metavar="NAME", help="f1_macro by default; repeatable"
    )
    parser.add_argument("--method", metavar="ID", help="the method to search, of several")
    parser.add_argument("--trials", type=int, metavar="N", help="of all workers (default: 20)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="of the comparison (default: 1 2 3)"
    )
    parser.add_argument(
        "--storage",
        metavar="PLACE",
        help="postgresql://USER@HOST/DATABASE or journal:PATH, for several workers",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=60,
        metavar="SECONDS",
        help="without a sign of life, until another worker's trial counts as lost (default: 60)",
    )
    parser.add_argument(
        "--search-only",
        action="store_true",
        help="run trials, and leave the rest to another worker",
    )
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the sweep; print its trials in order, the comparison, and the path of its page."""
    from tunelab.report.sweep_page import build_sweep_page, table
    from tunelab.study.opening import open_study
    from tunelab.study.sweeps.description import read_sweep
    from tunelab.study.sweeps.sweep import run_sweep

    if not arguments.grace > 0:
        raise UsageError("--grace must be above 0.")
    named = {
        "goals": arguments.goal,
        "method": arguments.method,
        "trials": arguments.trials,
        "seeds": arguments.seeds,
    }
    sweep = read_sweep(
        arguments.sweep,
        space=arguments.space,
        given={key: value for key, value in named.items() if value is not None},
    )
    study = open_study(arguments.study, split_overrides(arguments.overrides))
    out = arguments.out or Path("runs") / f"{study.name}-sweep"
    record = run_sweep(
        study,
        sweep,
        out,
        storage=arguments.storage,
        grace=arguments.grace,
        search_only=arguments.search_only,
    )
    page = build_sweep_page(out)
    print_table(table(record), arguments.format, title=f"{study.name}: trials", value=record)
    if arguments.format == "table":
        comparison = record["comparison"]
        if "differences" in comparison:
            print_table(
                [_difference_row(one, comparison) for one in comparison["differences"]],
                "table",
                title=f"{study.name}: the winner against the study's own setting, test rows",
            )
        else:
            print(f"Not compared: {comparison['reason']}.")
        print(f"Report: {page}")
    else:
        print(f"Report: {page}", file=sys.stderr)
    return 0


def _difference_row(one: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    from tunelab.numbers import interval, p_value

    low, high = one["low"], one["high"]
    return {
        "metric": one["metric"],
        "winner": comparison["sides"]["winner"][one["metric"]]["value"],
        "own setting": comparison["sides"]["default"][one["metric"]]["value"],
        "difference": one["value"],
        "95 % interval": None if low is None or high is None else interval(low, high),
        "p corrected": p_value(one["p_corrected"]),
        "winner is better": one["verdict"],
    }
