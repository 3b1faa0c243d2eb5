"""What this machine has, and which of the presets can run on it."""

import argparse

from tunelab.cli.arguments import add_format
from tunelab.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab doctor`."""
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print what was found."""
    from tunelab.study.doctor import examine

    rows = [{"what": what, "found": found} for what, found in examine().items()]
    print_table(rows, arguments.format, value={row["what"]: row["found"] for row in rows})
    return 0
