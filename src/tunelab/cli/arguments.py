"""Arguments that several verbs share."""

import argparse
from pathlib import Path

from tunelab.errors import UsageError

FORMATS = ("table", "json", "csv", "markdown")


def add_study(
    parser: argparse.ArgumentParser, out: str = "runs/<study>", *, remote: bool = False
) -> None:
    """STUDY, its overrides, and the run folder, ``out`` by default; ``remote``: or a URL."""
    parser.add_argument(
        "study", metavar="STUDY", help="a preset, a YAML file, or a file of labelled texts"
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="as in training.epochs=1")
    parser.add_argument(
        "--out",
        type=_folder_or_url if remote else Path,
        metavar="DIR",
        help="the run folder" + (", or s3://..." if remote else "") + f" (default: {out})",
    )


def _folder_or_url(word: str) -> Path | str:
    """A path, or a URL as it is."""
    return word if "://" in word else Path(word)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose where the work runs."""
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: on the cluster of RAY_ADDRESS, or in several processes of this machine",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes of Ray (default: what there is room for)",
    )
    parser.add_argument(
        "--cpus", type=int, default=1, metavar="N", help="CPUs of each of Ray's processes"
    )


def check_engine(arguments: argparse.Namespace) -> None:
    """Refuse numbers of workers or processors below 1.

    Raises:
        UsageError: as said.
    """
    for option in ("workers", "cpus"):
        value = getattr(arguments, option)
        if value is not None and value < 1:
            raise UsageError(f"--{option} must be 1 or more.")


def add_format(parser: argparse.ArgumentParser) -> None:
    """How tables are printed."""
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print")


def split_overrides(words: list[str]) -> list[str]:
    """Refuse a word that is not key=value.

    Raises:
        UsageError: it holds no equals sign.
    """
    for word in words:
        if "=" not in word:
            raise UsageError(f"{word!r} is neither an option nor key=value.")
    return words
