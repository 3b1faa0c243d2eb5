"""Label files with a fitted classifier: row, text, label, answer and reason of every row, the
probability of the label, and whether a person should look at it (needs_review).

Each FILE is CSV, TSV, JSON, Parquet or Excel with a text column, or .txt with a text a line; a
URL such as s3://bucket/new.csv is fetched. - reads standard input: a text a line, or a table as
--input-format says.

OUT is a file that ends in .csv, .tsv, .jsonl, .json or .parquet, or a folder (or a URL) of Parquet
parts; without it, or with -, JSON lines are printed, or what --format says. With OUT a call that
was killed continues where it was. In .csv and .tsv an apostrophe stands before a text that a
spreadsheet would run as a formula; the other kinds hold every text as it is.

A study leaves a rule beside each classifier (review.json): a temperature that makes probabilities
mean what they say, and the threshold below which an answer goes to a person, so that the others are
right as often as the study's review.accuracy wants. --accuracy takes another wanted accuracy,
--threshold a probability of your own. A language model that is asked in words has probabilities
where there is a rule or a threshold, as they take a second pass.
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
INPUT_FORMATS = ("txt", "csv", "tsv", "jsonl")


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
    parser.add_argument(
        "--accuracy",
        type=float,
        metavar="SHARE",
        help="of the answers that no person needs to see, such as 0.95 (default: the study's)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="probability of a label below which a person should look, such as 0.8",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="the probability of each label too: in .csv and .tsv a column for each",
    )
    parser.add_argument(
        "--label-sets",
        action="store_true",
        help="the labels that may be the true one (label_set), by the study's review.coverage",
    )
    parser.add_argument(
        "--input-format",
        choices=INPUT_FORMATS,
        default="txt",
        help="what standard input is (default: txt)",
    )
    parser.add_argument(
        "--format",
        choices=("jsonl", "csv", "tsv"),
        help="what is printed (default: jsonl); with OUT its ending says it",
    )
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
    with from_standard_input(arguments.files, arguments.input_format) as files:
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
    if target.parts is not None and arguments.format is not None:
        raise UsageError(
            "--format sets what is printed; with --out the ending of the file says it."
        )
    if target.parts is not None and STANDARD_INPUT in arguments.files:
        raise UsageError(
            "texts from standard input are only labelled to the screen, as a call that was "
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
    rule, asked = _rule_of(arguments)
    tell: Any = partial(_tell, arguments, files, target, reference, rule)
    # A language model gives probabilities in a pass of its own.
    evaluation = Evaluation(
        batch_size=arguments.batch_size,
        modes=["generate", "score"] if rule or asked else ["generate"],
    )
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
            rule=rule,
            all_labels=arguments.probabilities,
            label_sets=arguments.label_sets,
        )
    else:
        from tunelab.classifiers.stored import open_classifier
        from tunelab.models.device import pick_device, pick_dtype
        from tunelab.serving.predict import label_here
        from tunelab.serving.reviewed_answers import Reviewing

        device = pick_device(arguments.device)
        opened = open_classifier(
            arguments.adapter,
            device=device,
            dtype=pick_dtype("auto", device),
            evaluation=evaluation,
        )
        reviewing = Reviewing(opened, rule, arguments.probabilities, arguments.label_sets)
        if asked:
            # Before any row is labelled, it is seen that there are probabilities.
            reviewing.label(["a text"])
        if target.parts is None:
            all_labels = opened.labels if arguments.probabilities else ()
            form = arguments.format or "jsonl"
            labelled = print_labels(
                reviewing,
                files,
                form=form,
                all_labels=all_labels,
                label_sets=arguments.label_sets,
                **chosen,
            )
            return int(tell(labelled))
        work = partial(label_here, opened=reviewing)
    labelled = predict_files(
        files,
        target,
        adapter=adapter_hash(arguments.adapter),
        work=work,
        review=asked,
        **chosen,
    )
    return int(tell(labelled))


def _rule_of(arguments: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The rule that says which answers need a person, None without one; and what was asked for
    beside what the classifier has.

    Raises:
        UsageError: the options do not go together, or the classifier has no rule for them.
    """
    from tunelab.errors import UsageError
    from tunelab.serving.review_rule import ReviewRule, read_review_rule

    if arguments.accuracy is not None and arguments.threshold is not None:
        raise UsageError("--accuracy and --threshold exclude each other; name one.")
    rule = read_review_rule(arguments.adapter)
    asked: dict[str, Any] = {}
    if arguments.accuracy is not None:
        if rule is None:
            raise UsageError(
                f"{arguments.adapter} has no review.json, so that no accuracy can be promised; "
                "run its study with validation rows, or choose a --threshold."
            )
        asked["accuracy"], rule = arguments.accuracy, rule.with_accuracy(arguments.accuracy)
    if arguments.threshold is not None:
        own = rule or ReviewRule(temperature=1.0, threshold=None, wanted_accuracy=None)
        asked["threshold"] = arguments.threshold
        rule = own.with_threshold(arguments.threshold)
    if arguments.label_sets:
        if rule is None or rule.set_limit is None:
            why = "no review.json" if rule is None else "no label sets in its review.json"
            raise UsageError(
                f"{arguments.adapter} has {why}; run its study with enough validation rows, or "
                "ask for --probabilities."
            )
        asked["label_sets"] = rule.coverage
    if arguments.probabilities:
        asked["probabilities"] = True
    return rule, asked


@contextmanager
def from_standard_input(files: list[str], form: str = "txt") -> Iterator[list[str]]:
    """The files, or a temporary one that holds what standard input gives for ``-``.

    ``form`` is the ending of such a file, one of :data:`INPUT_FORMATS`.

    Raises:
        UsageError: ``-`` does not stand alone, or standard input is empty.
    """
    from tunelab.errors import UsageError

    if STANDARD_INPUT not in files:
        if form != "txt":
            raise UsageError("--input-format says what standard input is; name - to read it.")
        yield files
        return
    if len(files) > 1:
        raise UsageError("- is standard input and is not combined with files; name files or -.")
    with tempfile.TemporaryDirectory(prefix="tunelab-") as folder:
        path = Path(folder) / f"standard-input.{form}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        if not path.stat().st_size:
            raise UsageError("standard input is empty; pipe a text a line into it.")
        yield [str(path)]


def _tell(
    arguments: argparse.Namespace,
    files: list[str],
    target: Any,
    reference: Any,
    rule: Any,
    labelled: Any,
) -> int:
    from tunelab.numbers import share
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
    if rule is not None and labelled.rows:
        needed = labelled.to_review
        print(
            f"{needed} of {rows} ({share(needed / labelled.rows)}) "
            f"{'needs' if needed == 1 else 'need'} a person (needs_review): {_why(rule)}.",
            file=sys.stderr,
        )
    if arguments.label_sets and rule is not None and rule.coverage is not None:
        print(
            f"label_set holds the true label of {share(rule.coverage)} of texts like the "
            f"{rule.rows:,} validation rows.",
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


def _why(rule: Any) -> str:
    """What a rule sends to a person, and what it promises of the rest."""
    from tunelab.numbers import number, share

    if rule.threshold is None:
        reason = rule.reason or "no threshold is known"
        return f"{reason}; choose another --accuracy or a --threshold"
    below = f"those below {number(rule.threshold)}, or whose answer is not the likeliest label"
    if not rule.threshold:
        below = "those whose answer is not the likeliest label"
    if rule.wanted_accuracy is None:
        return f"{below}; this threshold promises no accuracy"
    return (
        f"{below}; the rest is right in at least {share(rule.wanted_accuracy)} as far as texts are "
        f"like the {rule.rows:,} validation rows"
    )
