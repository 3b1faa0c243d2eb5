"""Write a classifier in a format that other programs run, and prove that it answers alike.

onnx holds encoders, embeddings and heads; skops what is made of scikit-learn; gguf, merged and
torchao a language model that answers in words. Without --format the first of them that can hold the
classifier is taken. The export is run by its own runtime on the test rows of its run, or on --rows:
labels, probabilities, accuracy, speed, memory and size are compared, and one whose accuracy differs
by more than --margin is refused.

Nothing is uploaded unless --push asks for it; a repository that it makes is private.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.cli.arguments import FORMATS
from tunelab.cli.tables import print_table
from tunelab.registry import EXPORT_FORMATS

if TYPE_CHECKING:
    from tunelab.serving.exporting import Exported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab export`."""
    parser.add_argument(
        "classifier",
        nargs="?",
        type=Path,
        metavar="CLASSIFIER",
        help="a folder in adapters/ or classifiers/ of a run",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="OUT", help="a folder that does not exist yet"
    )
    parser.add_argument("--adapter", type=Path, metavar="DIR", help="another way to say CLASSIFIER")
    parser.add_argument("--out", type=Path, metavar="DIR", help="another way to say OUT")
    parser.add_argument(
        "--format",
        action="append",
        choices=(*EXPORT_FORMATS, *FORMATS),
        metavar="FORMAT",
        help=f"{', '.join(EXPORT_FORMATS)} (default: the first that can hold the classifier); or "
        "how to print the table: table, json, csv, markdown",
    )
    parser.add_argument(
        "--dtype",
        "--type",
        dest="type",
        metavar="TYPE",
        help="of the weights: float32 or int8 (onnx); f16, q8_0, q4_0, q4_1 or f32 (gguf); "
        "float32, bfloat16 or float16 (merged); int8 (torchao) (default: the first of these)",
    )
    parser.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help="rows to compare on (default: the test rows of the run)",
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of --rows")
    parser.add_argument(
        "--label", default="label", metavar="COLUMN", help="column of --rows, if it is there"
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="by which the accuracy may differ (default: 0.01)",
    )
    parser.add_argument("--force", action="store_true", help="keep an export that fails its margin")
    parser.add_argument(
        "--device", default="cpu", help="for merged: auto, cpu, cuda or mps (default: cpu)"
    )
    parser.add_argument("--push", metavar="REPO", help="upload to OWNER/NAME on the Hub as well")


def execute(arguments: argparse.Namespace) -> int:
    """Export, show the proof, and upload if that was asked for."""
    from tunelab.classifiers.stored import labels_of, read_record
    from tunelab.serving.publish import check_repository, push_folder

    classifier = _one(arguments.classifier, arguments.adapter, "CLASSIFIER", "--adapter")
    out = _one(arguments.folder, arguments.out, "OUT", "--out")
    format, printed = _formats(arguments.format or [])
    read_record(classifier)
    if arguments.push:
        check_repository(arguments.push)
    rows = None
    if arguments.rows is not None:
        from tunelab.serving.proof_rows import rows_of_file

        labels = labels_of(classifier)
        rows = rows_of_file(arguments.rows, arguments.text, arguments.label, labels)

    from tunelab.models.device import pick_device
    from tunelab.serving.exporting import export_classifier

    exported = export_classifier(
        classifier,
        out,
        format=format,
        type=arguments.type,
        rows=rows,
        margin=arguments.margin,
        force=arguments.force,
        device=pick_device(arguments.device),
    )
    _show(exported, out, printed)
    if arguments.push:
        print(f"Uploaded: {push_folder(out, arguments.push)}", file=sys.stderr)
    return 0


def _show(exported: "Exported", out: Path, printed: str) -> None:
    from tunelab.serving.proof import read_proof
    from tunelab.serving.proof_table import proof_rows, told, verdict_in_words

    proof = read_proof(exported.proof)
    named = {"out": str(out), "export": exported.format, "type": exported.type}
    print_table(
        proof_rows(proof),
        printed,
        title=f"{out}: {exported.format} ({exported.type}), compared by its own runtime on "
        f"{proof.rows} rows",
        value={**named, **exported.about, **exported.proof},
        vital=("what", "after"),
    )
    print(f"{out}: {told(proof)}.", file=sys.stderr)
    agreement = exported.about.get("agreement")
    if agreement is not None:
        print(
            f"Merged, the logits differ by {agreement['largest_difference']:.2g} at most.",
            file=sys.stderr,
        )
    print(verdict_in_words(proof), file=sys.stderr)
    if proof.failed is not None:
        print(f"Kept although it failed: {proof.failed}.", file=sys.stderr)


def _one(word: Path | None, option: Path | None, name: str, flag: str) -> Path:
    from tunelab.errors import UsageError

    if word is not None and option is not None:
        raise UsageError(f"{name} is named twice, as {word} and by {flag}; name it once.")
    found = option if word is None else word
    if found is None:
        raise UsageError(f"{name} is missing: tunelab export CLASSIFIER OUT.")
    return found


def _formats(given: list[str]) -> tuple[str | None, str]:
    """The format of the export, None where none is named, and how the table is printed."""
    from tunelab.errors import UsageError

    exports = [word for word in given if word in EXPORT_FORMATS]
    prints = [word for word in given if word not in EXPORT_FORMATS]
    if len(exports) > 1 or len(prints) > 1:
        raise UsageError(f"--format is given as {' and '.join(given)}; export to one at a time.")
    return exports[0] if exports else None, prints[0] if prints else FORMATS[0]
