"""Arguments that several verbs share."""

import argparse
from pathlib import Path

from tunelab.errors import UsageError

FORMATS = ("table", "json", "csv", "markdown")


def add_study(parser: argparse.ArgumentParser, out: str = "runs/<study>") -> None:
    """STUDY, its overrides, and the run folder, which is ``out`` by default."""
    parser.add_argument("study", metavar="STUDY", help="a preset's name or a YAML file")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="as in training.epochs=1")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"the run folder (default: {out})")


def add_format(parser: argparse.ArgumentParser) -> None:
    """How tables are printed."""
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print")


def split_overrides(words: list[str]) -> list[str]:
    """Refuse a word that is no key=value.

    Raises:
        UsageError: it holds no equals sign.
    """
    for word in words:
        if "=" not in word:
            raise UsageError(f"{word!r} is neither an option nor key=value.")
    return words
