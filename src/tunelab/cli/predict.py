"""Label files with a trained adapter: row, text, label, answer and reason of every row.

Each FILE is CSV, TSV, JSON, Parquet or Excel with a text column, or .txt with a text a line; a
URL such as s3://bucket/new.csv is fetched. - reads a text a line from standard input.

OUT is a file that ends in .csv, .tsv, .jsonl, .json or .parquet, or a folder (or a URL) of Parquet
parts; without it, or with -, JSON lines are printed. With OUT a call that was killed goes on where
it was. In .csv and .tsv an apostrophe stands before a text that a spreadsheet would run as a
formula; the other kinds hold every text as it is.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_engine, check_engine

STANDARD_INPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab predict`."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="texts, one a row")
    parser.add_argument(
        "--adapter",
        type=Path,
        required=True,
        metavar="DIR",
        help="a fitted classifier: a folder in adapters/ or classifiers/ of a run",
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of the texts")
    parser.add_argument("--out", metavar="OUT", help="a file or a folder (default: the screen)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="rows together")
    parser.add_argument(
        "--part-rows", type=int, default=4096, metavar="N", help="rows of a part, held at once"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--no-drift",
        action="store_true",
        help="do not compare the texts with those of the training",
    )
    add_engine(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Label the rows and say how many got which label."""
    with from_standard_input(arguments.files) as files:
        return _predict(arguments, files)


def _predict(arguments: argparse.Namespace, files: list[str]) -> int:
    from tunelab.classifiers.stored import read_record
    from tunelab.config import Evaluation
    from tunelab.data.readers import check_data_file
    from tunelab.errors import UsageError
    from tunelab.runs.storage import is_remote
    from tunelab.serving.prediction_target import find_target

    for file in files:
        if not is_remote(file):
            check_data_file(Path(file))
    target = find_target(arguments.out, files)
    if target.parts is not None and STANDARD_INPUT in arguments.files:
        raise UsageError(
            "texts from standard input are labelled on the screen alone, as a call that was "
            "killed could not read them again; leave out --out, and redirect: > labels.jsonl."
        )
    read_record(arguments.adapter)
    for option in ("batch_size", "part_rows"):
        if getattr(arguments, option) < 1:
            raise UsageError(f"--{option.replace('_', '-')} must be 1 or more.")
    check_engine(arguments)
    if arguments.engine == "ray" and target.parts is None:
        raise UsageError("--engine ray needs --out.")

    from tunelab.serving.drift_reference import read_reference
    from tunelab.serving.predict import adapter_hash, predict_files, print_labels

    reference = None if arguments.no_drift else read_reference(arguments.adapter)
    tell: Any = partial(_tell, arguments, files, target, reference)
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
        from tunelab.classifiers.stored import open_classifier
        from tunelab.models.device import pick_device, pick_dtype
        from tunelab.serving.predict import label_here

        device = pick_device(arguments.device)
        opened = open_classifier(
            arguments.adapter,
            device=device,
            dtype=pick_dtype("auto", device),
            evaluation=evaluation,
        )
        if target.parts is None:
            labelled = print_labels(opened, files, **chosen)
            return int(tell(labelled))
        work = partial(label_here, opened=opened)
    labelled = predict_files(
        files,
        target,
        adapter=adapter_hash(arguments.adapter),
        work=work,
        **chosen,
    )
    return int(tell(labelled))


@contextmanager
def from_standard_input(files: list[str]) -> Iterator[list[str]]:
    """The files, or a temporary one that holds what standard input gives for ``-``.

    Raises:
        UsageError: ``-`` does not stand alone, or standard input is empty.
    """
    from tunelab.errors import UsageError

    if STANDARD_INPUT not in files:
        yield files
        return
    if len(files) > 1:
        raise UsageError("- is standard input and stands alone; name either files or -.")
    with tempfile.TemporaryDirectory(prefix="tunelab-") as folder:
        path = Path(folder) / "standard-input.txt"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        if not path.stat().st_size:
            raise UsageError("standard input is empty; pipe a text a line into it.")
        yield [str(path)]


def _tell(
    arguments: argparse.Namespace, files: list[str], target: Any, reference: Any, labelled: Any
) -> int:
    from tunelab.serving.prediction_parts import NO_LABEL

    shares = ", ".join(f"{label} {count}" for label, count in sorted(labelled.labels.items()))
    kept = f" ({labelled.kept} were labelled before)" if labelled.kept else ""
    rows = "1 row" if labelled.rows == 1 else f"{labelled.rows} rows"
    print(f"{rows}{kept}: {shares}", file=sys.stderr)
    missing = labelled.labels.get(NO_LABEL, 0)
    if missing:
        print(
            f"{missing} of {rows} {'has' if missing == 1 else 'have'} no label; the field reason "
            "of each says why.",
            file=sys.stderr,
        )
    if reference is not None:
        from tunelab.evaluation.drift.compared import in_words
        from tunelab.serving.drift import drift_of_files, write_drift

        drift = drift_of_files(
            reference, files, labelled.labels, text=arguments.text, rows=arguments.part_rows
        )
        write_drift(drift, target)
        for sentence in in_words(drift):
            print(sentence, file=sys.stderr)
    return 0
