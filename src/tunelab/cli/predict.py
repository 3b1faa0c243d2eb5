"""Label files with a trained adapter: row, text, label, answer and reason of every row.

Each FILE is JSONL, CSV, TSV or Parquet with a text column, or a .txt file with a text a line; a
URL such as s3://bucket/new.csv is fetched. With --out a call that was killed goes on where it
was. OUT is a .jsonl or .parquet file, or a folder (or a URL) of Parquet parts.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_engine, check_engine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab predict`."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="texts, one a row")
    parser.add_argument(
        "--adapter", type=Path, required=True, metavar="DIR", help="as runs/starter/adapters/lora"
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of the texts")
    parser.add_argument("--out", metavar="OUT", help="where to (default: the screen)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="rows together")
    parser.add_argument(
        "--part-rows", type=int, default=4096, metavar="N", help="rows of a part, held at once"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    add_engine(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Label the rows and say how many got which label."""
    from tunelab.config import Evaluation
    from tunelab.data.readers import check_file
    from tunelab.errors import UsageError
    from tunelab.storage import is_remote
    from tunelab.study.adapters import read_record

    for file in arguments.files:
        if not is_remote(file):
            check_file(Path(file))
    read_record(arguments.adapter)
    for option in ("batch_size", "part_rows"):
        if getattr(arguments, option) < 1:
            raise UsageError(f"--{option.replace('_', '-')} must be 1 or more.")
    check_engine(arguments)
    if arguments.engine == "ray" and arguments.out is None:
        raise UsageError("--engine ray needs --out.")

    from tunelab.study.predict import adapter_hash, predict_files, print_labels

    evaluation = Evaluation(batch_size=arguments.batch_size)
    chosen: dict[str, Any] = {"text": arguments.text, "rows": arguments.part_rows}
    if arguments.engine == "ray":
        from tunelab.study.engines.ray_labelling import label_on_ray

        work: Any = partial(
            label_on_ray,
            adapter=arguments.adapter,
            evaluation=evaluation,
            device=arguments.device,
            workers=arguments.workers,
            cpus=arguments.cpus,
        )
    else:
        from tunelab.models.device import pick_device, pick_dtype
        from tunelab.study.adapters import open_adapter
        from tunelab.study.predict import label_here

        device = pick_device(arguments.device)
        opened = open_adapter(arguments.adapter, device=device, dtype=pick_dtype("auto", device))
        if arguments.out is None:
            labelled = print_labels(opened, arguments.files, evaluation=evaluation, **chosen)
            return _tell(labelled)
        work = partial(label_here, opened=opened, evaluation=evaluation)
    return _tell(
        predict_files(
            arguments.files,
            arguments.out,
            adapter=adapter_hash(arguments.adapter),
            work=work,
            **chosen,
        )
    )


def _tell(labelled: Any) -> int:
    from tunelab.study.prediction_parts import NO_LABEL

    shares = ", ".join(f"{label} {count}" for label, count in sorted(labelled.labels.items()))
    kept = f" ({labelled.kept} were labelled before)" if labelled.kept else ""
    print(f"{labelled.rows} rows{kept}: {shares}", file=sys.stderr)
    missing = labelled.labels.get(NO_LABEL, 0)
    if missing:
        print(
            f"{missing} of {labelled.rows} rows have no label; the field reason of each says why.",
            file=sys.stderr,
        )
    return 0
