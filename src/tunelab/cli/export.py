"""Merge an adapter into its base model and write a plain transformers folder.

What the merged model says is compared with what the model with its adapter says: its logits, and
the labels of some rows. In 16 bits it may differ as much as rounding changes the base model, which
is measured too. Nothing is uploaded unless --push asks for it; a repository that it makes is
private.
"""

import argparse
import sys
from pathlib import Path

from tunelab.cli.arguments import add_format
from tunelab.cli.tables import print_table

_MOST_ROWS = 200


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
    parser.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help=f"texts to compare the labels of, the first {_MOST_ROWS} (default: starter rows)",
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of --rows")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps (default: cpu)")
    parser.add_argument("--push", metavar="REPO", help="upload to OWNER/NAME on the Hub as well")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Export, say how far the logits agree, and upload if that was asked for."""
    from tunelab.classifiers.adapters import read_record
    from tunelab.serving.publish import check_repository, push_folder

    read_record(arguments.adapter)
    if arguments.push:
        check_repository(arguments.push)

    texts = _texts(arguments.rows, arguments.text) if arguments.rows else []

    from tunelab.models.device import pick_device
    from tunelab.serving.export import export_adapter

    agreement = export_adapter(
        arguments.adapter,
        arguments.out,
        device=pick_device(arguments.device),
        dtype=arguments.dtype,
        texts=texts,
    )
    found = {"out": str(arguments.out), "dtype": arguments.dtype, **agreement.to_dict()}
    # A table's three decimals would show a small difference as none.
    row = {**found, "largest_difference": f"{agreement.largest_difference:.2g}"}
    del row["untouched"]
    print_table(
        [row],
        arguments.format,
        title="the merged model against the model with its adapter",
        value=found,
    )
    print(
        f"{arguments.out}: the logits differ by {agreement.largest_difference:.2g} at most, and "
        f"the next token is the same at {agreement.same_next} of {agreement.tokens} positions; the "
        f"label is the same in {agreement.same_label} of {agreement.rows} rows.",
        file=sys.stderr,
    )
    base = agreement.untouched
    if base is not None:
        print(
            f"Rounding to {arguments.dtype} alone, tried on the base model without the adapter, "
            f"changes logits by {base.largest_difference:.2g} at most; the label is the same in "
            f"{base.same_label} of {base.rows} rows.",
            file=sys.stderr,
        )
    if arguments.push:
        print(f"Uploaded: {push_folder(arguments.out, arguments.push)}", file=sys.stderr)
    return 0


def _texts(file: Path, column: str) -> list[str]:
    from itertools import islice

    from tunelab.data.columns import texts_of
    from tunelab.data.readers import read_rows
    from tunelab.errors import UsageError

    rows = islice(read_rows(file, labelled=False), _MOST_ROWS)
    texts = [text for text in texts_of(rows, column, where=file.name) if text.strip()]
    if not texts:
        raise UsageError(f"{file} holds no text.")
    return texts
