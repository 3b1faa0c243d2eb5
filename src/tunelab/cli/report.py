"""Rebuild report.html and the figures of a run folder. Needs no model and no torch.

With several run folders it writes one page that compares them: the scores of all classifiers side
by side, and their differences on the test rows that the runs share.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab report`."""
    parser.add_argument(
        "folders", metavar="RUN", type=Path, nargs="+", help="a run folder, as runs/starter"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the page of several runs (default: comparison.html beside the first run)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Build the report, or the page of several runs, and print its path."""
    from tunelab.errors import UsageError
    from tunelab.report.build import build_report
    from tunelab.report.comparison_page import PAGE, build_comparison

    folders, out = arguments.folders, arguments.out
    if len(folders) == 1:
        if out is not None:
            raise UsageError(
                "--out names the page of several runs; the report of one run is in its folder."
            )
        print(f"Report: {build_report(folders[0])}")
        return 0
    page = out if out is not None else folders[0].resolve().parent / PAGE
    if page.suffix != ".html" or page.is_dir():
        raise UsageError(f"--out {page}: name an .html file.")
    print(f"Comparison: {build_comparison(folders, page)}")
    return 0
