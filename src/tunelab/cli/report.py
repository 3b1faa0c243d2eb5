"""Rebuild report.html and the figures of a run folder. Needs no model and no torch."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab report`."""
    parser.add_argument("folder", metavar="RUN", type=Path, help="a run folder, as runs/starter")


def execute(arguments: argparse.Namespace) -> int:
    """Build the report and print its path."""
    from tunelab.report.build import build_report

    print(f"Report: {build_report(arguments.folder)}")
    return 0
