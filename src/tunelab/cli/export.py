"""Merge an adapter into its base model and write a plain transformers folder.

The logits of the merged model are compared with those of the model with its adapter. Nothing is
uploaded unless --push asks for it; a repository that it makes is private.
"""

import argparse
import sys
from pathlib import Path

from tunelab.cli.arguments import add_format
from tunelab.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab export`."""
    parser.add_argument(
        "--adapter", type=Path, required=True, metavar="DIR", help="as runs/starter/adapters/lora"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder that does not exist yet"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="of the weights that are written (default: float32)",
    )
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps (default: cpu)")
    parser.add_argument("--push", metavar="REPO", help="upload to OWNER/NAME on the Hub as well")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Export, say how far the logits agree, and upload if that was asked for."""
    from dataclasses import asdict

    from tunelab.study.adapters import read_record
    from tunelab.study.publish import check_repository, push_folder

    read_record(arguments.adapter)
    if arguments.push:
        check_repository(arguments.push)

    from tunelab.models.device import pick_device
    from tunelab.study.export import export_adapter

    agreement = export_adapter(
        arguments.adapter,
        arguments.out,
        device=pick_device(arguments.device),
        dtype=arguments.dtype,
    )
    found = {"out": str(arguments.out), "dtype": arguments.dtype, **asdict(agreement)}
    # A table's three decimals would show a small difference as none.
    row = {**found, "largest_difference": f"{agreement.largest_difference:.2g}"}
    print_table([row], arguments.format, title="merged against unmerged logits", value=found)
    print(
        f"{arguments.out}: the logits differ by {agreement.largest_difference:.2g} at most, and "
        f"the next token is the same at {agreement.same_next} of {agreement.tokens} positions.",
        file=sys.stderr,
    )
    if arguments.push:
        print(f"Uploaded: {push_folder(arguments.out, arguments.push)}", file=sys.stderr)
    return 0
