"""Show whether texts and answers of a classifier in use changed, as a page.

LOG is the log of tunelab serve, a file of tunelab serve --record, or what tunelab predict wrote
(a file or a folder); name several in the order of their time. Each window of them is compared with
what lies beside the classifier: texts with texts of its training, answers with its answers to the
test rows. All tests are corrected together, so that without any change an alarm comes in less than
5 of 100 calls.

The log of the service has no texts, so that only the answers are tested; --record keeps each text
as hashed words, which is enough to test the texts too.

The exit code is 0, or with --fail-on-drift 3 where a window differs.
"""

import argparse
import sys
from pathlib import Path

DRIFTED = 3
PAGE = "monitor.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab monitor`."""
    parser.add_argument("logs", metavar="LOG", type=Path, nargs="+", help="what was answered")
    parser.add_argument(
        "--against",
        type=Path,
        required=True,
        metavar="DIR",
        help="the classifier that answered: a folder in adapters/ or classifiers/ of a run, or a "
        "run with one classifier",
    )
    parser.add_argument(
        "--window",
        metavar="W",
        help="hour, day, week, month, file, or a number of texts (default: day where the log has "
        "times, else file where there are several, else 1000)",
    )
    parser.add_argument("--model", metavar="ID", help="the id of the classifier in the service")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="column of the texts")
    parser.add_argument("--label", default="label", metavar="COLUMN", help="column of the answers")
    parser.add_argument(
        "--time", metavar="COLUMN", help="column of the times (default: time, where there is one)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"the page, with its record beside it as .json (default: {PAGE} beside LOG)",
    )
    parser.add_argument(
        "--fail-on-drift", action="store_true", help=f"exit with {DRIFTED} where a window differs"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Compare the windows, write the page, and print its first lines."""
    from tunelab.classifiers.classifier import find_classifier
    from tunelab.cli.tables import print_table
    from tunelab.evaluation.monitoring.words import told
    from tunelab.guards.visible_text import visible
    from tunelab.progress import row_bar
    from tunelab.report.monitor_page import build_monitor_page, table
    from tunelab.serving.monitoring.log_entries import Columns
    from tunelab.serving.monitoring.monitor import monitor_windows, read_windows, reference_of
    from tunelab.serving.predict import adapter_hash

    logs: list[Path] = arguments.logs
    page: Path = arguments.out or logs[0].resolve().parent / PAGE
    classifier = find_classifier(arguments.against)
    _check_page(page, logs, classifier)
    reference = reference_of(classifier)
    with row_bar("read", unit="answer") as bar:
        windows = read_windows(
            logs,
            reference,
            window=arguments.window,
            columns=Columns(arguments.time, arguments.text, arguments.label),
            model=arguments.model,
            classifier=adapter_hash(classifier),
            on_answers=bar.update,
        )
    with row_bar("tests", len(windows), unit="window") as bar:
        monitored = monitor_windows(windows, reference, on_window=lambda _: bar.update(1))
    sentences = told(monitored)
    record = build_monitor_page(
        monitored,
        sentences,
        page,
        logs=[visible(path.name) for path in logs],
        classifier=visible(classifier.name),
    )
    print_table(table(monitored), "table", title=f"{classifier.name} in use")
    for sentence in sentences:
        print(visible(sentence))
    print(f"Page: {page}")
    print(f"Record: {record}", file=sys.stderr)
    return DRIFTED if arguments.fail_on_drift and monitored.changed else 0


def _check_page(page: Path, logs: list[Path], classifier: Path) -> None:
    """Refuse a page that would overwrite a log or change the classifier's folder.

    Raises:
        UsageError: as said.
    """
    from tunelab.errors import UsageError

    if page.suffix != ".html" or page.is_dir():
        raise UsageError(f"--out {page}: name an .html file.")
    if page.resolve().with_suffix(".json") in {path.resolve() for path in logs}:
        raise UsageError(f"--out {page}: its record would overwrite a log; choose another name.")
    if page.resolve().parent == classifier.resolve():
        raise UsageError(
            f"the page would stand among the files of the classifier {classifier}; name another "
            "folder with --out."
        )
