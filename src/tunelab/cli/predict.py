"""Label a file with a trained adapter: JSON lines with row, text, label, answer and reason.

FILE is JSONL, CSV, TSV or Parquet with a text column, or a .txt file with a text a line.
"""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab predict`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="texts, one a row")
    parser.add_argument(
        "--adapter", type=Path, required=True, metavar="DIR", help="as runs/starter/adapters/lora"
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of the texts")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (default: the screen)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="rows together")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def execute(arguments: argparse.Namespace) -> int:
    """Label the rows and say how many got which label."""
    from tunelab.config import Evaluation
    from tunelab.data.readers import check_file
    from tunelab.errors import UsageError
    from tunelab.study.adapters import read_record

    check_file(arguments.file)
    read_record(arguments.adapter)
    if arguments.batch_size < 1:
        raise UsageError("--batch-size must be 1 or more.")

    from tunelab.models.device import pick_device, pick_dtype
    from tunelab.study.adapters import open_adapter
    from tunelab.study.predict import predict_file

    device = pick_device(arguments.device)
    opened = open_adapter(arguments.adapter, device=device, dtype=pick_dtype("auto", device))
    counts = predict_file(
        opened,
        arguments.file,
        text=arguments.text,
        evaluation=Evaluation(batch_size=arguments.batch_size),
        out=arguments.out,
    )
    total = sum(counts.values())
    shares = ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
    print(f"{total} rows: {shares}", file=sys.stderr)
    return 0
