"""A log beside the reference of the classifier that answered."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.evaluation.monitoring.monitored import Monitored, compare_windows
from tunelab.evaluation.monitoring.window import Window
from tunelab.evaluation.statistics.few_rows import named
from tunelab.serving.drift_reference import Reference, read_reference
from tunelab.serving.monitoring.log_entries import Columns, Entry, read_entries
from tunelab.serving.monitoring.windows import check_window, fill_windows


def reference_of(classifier: Path) -> Reference:
    """What lies beside a classifier, which new texts and answers are compared with.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    reference = read_reference(classifier)
    if reference is None:
        raise UsageError(
            f"{classifier} has no reference.json, which holds what new texts are compared with; "
            "run its study with evaluation.drift_reference: true."
        )
    return reference


def read_windows(
    logs: Sequence[Path],
    reference: Reference,
    *,
    window: str | None = None,
    columns: Columns | None = None,
    model: str | None = None,
    classifier: str | None = None,
    on_answers: Callable[[int], object] = lambda _: None,
) -> tuple[Window, ...]:
    """The answers of logs in windows, as :func:`~.windows.fill_windows` cuts them.

    ``model`` is the id under which a service answered with the classifier, which has to be named
    where a log holds several. ``classifier`` is the hash of its files, with which answers that
    name another one are refused. ``on_answers`` hears of answers that were read.

    Raises:
        UsageError: a log cannot be used, or its labels are not those of the classifier.
    """
    check_window(window)
    if len({path.resolve() for path in logs}) != len(logs):
        raise UsageError("a log is named twice; name each once.")
    entries = _of_model(read_entries(logs, columns or Columns()), model)
    entries = _counted(_of_classifier(entries, classifier), on_answers)
    windows = fill_windows(entries, window, unit=reference.unit, files=len(logs))
    if not windows:
        raise UsageError(f"the log holds no answers of the model {model!r}.")
    _check_labels(windows, reference)
    return windows


def monitor_windows(
    windows: Sequence[Window],
    reference: Reference,
    *,
    on_window: Callable[[int], object] = lambda _: None,
) -> Monitored:
    """Compare each window with the training and the test of the classifier.

    ``on_window`` hears of each window that was tested.
    """
    return compare_windows(
        windows,
        old=reference.texts,
        labels=reference.labels,
        confusion=reference.confusion,
        on_window=on_window,
    )


def _counted(entries: Iterable[Entry], on_answers: Callable[[int], object]) -> Iterator[Entry]:
    for entry in entries:
        on_answers(sum(entry.answers.values()))
        yield entry


def _of_model(entries: Iterable[Entry], model: str | None) -> Iterator[Entry]:
    """The answers of one model, which is the only one where none is named."""
    seen: set[str | None] = set()
    for entry in entries:
        if model is not None:
            if entry.model == model:
                yield entry
            continue
        seen.add(entry.model)
        if len(seen) > 1:
            names = ", ".join(sorted(one or "(no name)" for one in seen))
            raise UsageError(f"the log has answers of several models: {names}; name one: --model.")
        yield entry


def _of_classifier(entries: Iterable[Entry], classifier: str | None) -> Iterator[Entry]:
    for entry in entries:
        if classifier is not None and entry.classifier not in (None, classifier):
            raise UsageError(
                f"{entry.file} was recorded with another classifier, or this one was trained again "
                "since; name the one that answered with --against."
            )
        yield entry


def _check_labels(windows: Sequence[Window], reference: Reference) -> None:
    known = set(reference.labels)
    strange = sorted(
        {label for one in windows for label in one.answers if label is not None} - known
    )
    if strange:
        raise UsageError(
            f"the log has the {'label' if len(strange) == 1 else 'labels'} {named(strange)}, which "
            f"the classifier does not have; it has {named(reference.labels)}. Name the classifier "
            "that answered with --against."
        )
