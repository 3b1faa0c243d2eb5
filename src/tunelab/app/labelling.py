"""Label: start a labelling project, and show a row, the progress, and where people differ."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from tunelab.app.classify import MOST_ROWS, ask
from tunelab.app.markup import Markup, join, notice, share_bar, table, tag
from tunelab.app.names import check_run_name, classifier_folder, pick, project_names
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import named
from tunelab.classifiers.stored import labels_of as labels_of_classifier
from tunelab.data.columns import labels_of, texts_of
from tunelab.data.readers import read_rows
from tunelab.data.text_identity import identity
from tunelab.errors import TunelabError, UsageError
from tunelab.guards.bounded_files import is_file
from tunelab.guards.visible_text import has_hidden
from tunelab.labelling.agreement import agreements, different
from tunelab.labelling.evidence import drift_of_rows, said_of
from tunelab.labelling.export import export_labels
from tunelab.labelling.predicted import said_in
from tunelab.labelling.project import (
    LEASE,
    PROJECT,
    About,
    Project,
    check_which,
    start_project,
)
from tunelab.labelling.queue import QueuedRow, Said, SourceRow, order_rows
from tunelab.labelling.records import utc
from tunelab.numbers import count, counted, interval, number, share
from tunelab.serving.drift_reference import read_reference
from tunelab.serving.review_rule import read_review_rule
from tunelab.tokenizers.direction import runs_right_to_left

WHICH: Mapping[str, str] = {
    "new": "Rows without a label",
    "second": "Rows that others have labelled (to measure agreement)",
    "different": "Rows with different labels (to settle them)",
}
# Characters of a text that the page shows, and of one in a table.
_SHOWN, _SHORT = 20_000, 120
# Labels that have a key, and rows of the table of differences.
_KEYS, _MOST = 9, 50
# Rows of a file that was labelled before by `tunelab predict`.
MOST_PREDICTED = 20_000


def start(
    settings: AppSettings, name: str, file: Path, text: str, label: str | None, classifier: str
) -> str:
    """Start a project with the rows of a file, and return its name.

    Raises:
        UsageError: the name, the file or the classifier cannot be used.
        RunError: the classifier cannot be loaded, or the folder cannot be written.
    """
    folder = settings.labels / check_run_name(name, "labelling project")
    if is_file(folder / PROJECT):
        raise UsageError(
            f"there is a labelling project {name} already; choose it above, or another name."
        )
    if not classifier:
        raise UsageError("choose a classifier. The page Fine-tune trains one.")
    saved = classifier_folder(settings.runs, classifier)
    labels = labels_of_classifier(saved)
    rows, said = read_source(file, text, label or None, labels)
    texts = [row.text for row in rows]
    if said is None:
        labelled = ask(settings, texts, [classifier], False)[0]
        rule = read_review_rule(saved)
        said = said_of(labelled.labels, labelled.chosen, labelled.probabilities, rule)
    answers = [one.label for one in said]
    drift, drift_words = drift_of_rows(read_reference(saved), texts, answers)
    queue = order_rows(rows, said, labels, drift)
    about = About(
        labels=labels,
        classifier=classifier,
        file=file.name,
        made=utc(time.time()),
        drift=drift_words,
        more_labels=_more_labels(saved),
        notes=tuple(_notes(rows, labels, len(queue.labelled))),
        repeated=queue.repeated,
    )
    start_project(folder, queue, about)
    return name


def read_source(
    file: Path, text: str, label: str | None, labels: Sequence[str]
) -> tuple[list[SourceRow], list[Said] | None]:
    """The rows of a file, with their labels where there is a column of labels.

    Also what a classifier with these ``labels`` said of them, where `tunelab predict` wrote the
    file with all probabilities; else None.

    Raises:
        UsageError: a row cannot be used, or there are more than the page takes.
    """
    with named(file):
        read = list(islice(read_rows(file, labelled=False), MOST_PREDICTED + 1))
        said = said_in([row for _, row in read], labels)
        if len(read) > (MOST_ROWS if said is None else MOST_PREDICTED):
            raise UsageError(
                f"the file has more than {MOST_ROWS:,} rows, the most that the page lets a "
                "classifier label; upload a part of it, or what tunelab predict --probabilities "
                f"wrote of it, of which the page takes {MOST_PREDICTED:,} rows."
            )
        texts = texts_of(read, text, where=file.name)
        given: Any = [None] * len(read)
        if label:
            given = labels_of(read, label, where=file.name)
        rows = [
            SourceRow(line, content, one)
            for (line, _), content, one in zip(read, texts, given, strict=True)
        ]
        return rows, said


def open_project(settings: AppSettings, name: object) -> Project:
    """A project by its name on the list.

    Raises:
        UsageError: there is none of that name, or it is damaged.
    """
    folder = settings.labels / pick("labelling project", name, project_names(settings.labels))
    return _opened(folder, (folder / PROJECT).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _opened(folder: Path, changed: int) -> Project:
    return Project(folder)


def answer(settings: AppSettings, name: str, who: str, row: object, choice: object) -> None:
    """Keep what a person chose: ``label-3``, ``skip`` or ``undo``.

    Raises:
        UsageError: it is no choice that the page offers.
        RunError: it could not be kept.
    """
    project = open_project(settings, name)
    labels = {f"label-{position}": label for position, label in enumerate(project.about.labels)}
    if choice == "undo":
        project.undo(who)
    elif choice == "skip":
        project.skip(who, str(row))
    elif isinstance(choice, str) and choice in labels:
        project.label(who, str(row), labels[choice])
    else:
        raise UsageError("choose one of the labels.")


def draw_next(settings: AppSettings, name: str, who: str, which: str) -> Markup:
    """The row that a person has to look at, with the labels to choose from, and the progress."""
    project = open_project(settings, name)
    row = project.next_row(who, check_which(which))
    parts = [_draw_nothing(which)] if row is None else [_draw_row(project, row)]
    return tag("div", *parts, _draw_choices(project, row, name, who), draw_progress(project, who))


def _draw_nothing(which: str) -> Markup:
    if which == "new":
        return notice(
            "Every row has a label, was skipped by you, or is in front of somebody else. With "
            "“Rows that others have labelled” you can measure how far you agree.",
            "done",
        )
    if which == "second":
        return notice("There is no further row that others have labelled and you have not.", "done")
    return notice("There is no row with different labels that waits for you.", "done")


def _draw_row(project: Project, row: QueuedRow) -> Markup:
    reasons = [tag("li", reason, dir="auto") for reason in row.reasons]
    return join(
        [
            tag("h2", f"Row {count(row.number)}", " ", tag("small", f"of {project.about.file}")),
            draw_text(row.text),
            tag("p", "Why this row comes now:", class_="tl-help"),
            tag("ul", *reasons, class_="tl-why"),
            _draw_said(row),
        ]
    )


def draw_text(text: str) -> Markup:
    """A text to read, in its own direction; characters that hide are shown by their code."""
    shown, rest = text[:_SHOWN], len(text) - _SHOWN
    pieces: list[Any] = [shown]
    if has_hidden(shown):
        pieces = [
            tag("bdi", f"⟨{ord(one):04X}⟩", class_="tl-code") if has_hidden(one) else one
            for one in shown
        ]
    direction = "rtl" if runs_right_to_left(text) else "ltr"
    parts = [tag("p", *pieces, class_="tl-pieces tl-text", dir=direction, tabindex="0")]
    if not identity(text):
        parts.append(notice("This row has no visible text.", "note"))
    if rest > 0:
        parts.append(
            notice(f"The page shows {count(_SHOWN)} characters; {count(rest)} follow.", "note")
        )
    return join(parts)


def _draw_said(row: QueuedRow) -> Markup:
    """What the classifier says, folded away: whoever sees it first is led by it."""
    if row.said.probabilities is None:
        body = tag("p", tag("bdi", row.said.label or "no label"))
    else:
        values = sorted(row.said.probabilities.items(), key=lambda pair: -pair[1])[:5]
        bars = [
            share_bar(label, value, share(value), strong=label == row.said.label)
            for label, value in values
        ]
        body = tag("div", *bars, class_="tl-bars")
    parts = [tag("summary", "What the classifier says"), body]
    if row.given is not None:
        parts.append(tag("p", "Label in the file: ", tag("bdi", row.given)))
    return tag("details", *parts)


def _draw_choices(project: Project, row: QueuedRow | None, name: str, who: str) -> Markup:
    """The buttons. Without a row there is only the one that takes the last answer back.

    They send the project and the person that they were drawn for.
    """
    buttons = []
    if row is not None:
        for position, label in enumerate(project.about.labels):
            key = str(position + 1) if position < _KEYS else None
            buttons.append(_button(f"label-{position}", label, key, row.id))
        buttons.append(_button("skip", "Skip", "s", row.id))
    buttons.append(_button("undo", "Undo my last", "u", ""))
    return tag(
        "div",
        *buttons,
        class_="tl-choices",
        role="group",
        aria_label="Labels",
        data_project=name,
        data_who=who,
    )


def _button(choice: str, words: str, key: str | None, row: str) -> Markup:
    shown = [tag("kbd", key.upper(), aria_hidden="true"), " "] if key else []
    kind = "tl-choice" if choice.startswith("label-") else "tl-choice tl-other-choice"
    return tag(
        "button",
        *shown,
        tag("bdi", words),
        type="button",
        class_=kind,
        data_choice=choice,
        data_key=key,
        data_row=row,
        aria_keyshortcuts=key,
    )


def draw_progress(project: Project, who: str) -> Markup:
    """How far the labelling is, and by whom."""
    found = project.progress()
    done = found.labelled / found.rows
    people = [f"{name} {count(rows)}" for name, rows in found.people.items()]
    parts = [
        share_bar("Labelled", done, f"{count(found.labelled)} of {count(found.rows)}", strong=True)
    ]
    if people:
        parts.append(tag("p", tag("bdi", ", ".join(people)), class_="tl-help"))
    if found.different:
        parts.append(
            tag(
                "p",
                f"{counted(found.different, 'row has', 'rows have')} different labels that are not "
                "settled.",
                class_="tl-help",
            )
        )
    return tag("div", *parts, class_="tl-progress", id="progress")


def draw_labels(settings: AppSettings, name: str) -> Markup:
    """What the project's labels amount to: what more would bring, agreement, differences."""
    project = open_project(settings, name)
    history, about = project.history(), project.about
    pairs = [
        {
            "people": f"{one.first} and {one.second}",
            "rows of both": one.rows,
            "same label": one.same,
            "Cohen's kappa": number(one.kappa.value),
            "95 % interval": interval(one.kappa.low, one.kappa.high)
            if one.kappa.low is not None
            else one.kappa.reason,
        }
        for one in agreements(history, project.rows)
    ]
    apart = [
        {
            "row": one.row.number,
            "text": _short(one.row.text),
            "labels": "; ".join(f"{who}: {label}" for who, label in one.labels.items()),
            "settled": one.settled,
        }
        for one in different(history, project.rows)
    ]
    sentences = [about.more_labels, about.drift, *about.notes]
    if about.repeated:
        sentences.append(
            f"{counted(about.repeated, 'row has', 'rows have')} a text that came before, and "
            f"{'is' if about.repeated == 1 else 'are'} not asked again."
        )
    parts = [tag("p", sentence, dir="auto") for sentence in sentences]
    if pairs:
        parts.append(table(pairs, caption="Agreement of two people"))
    else:
        parts.append(tag("p", "No row was labelled by two people yet, so agreement is not known."))
    if apart:
        caption = f"{counted(len(apart), 'row')} with different labels"
        if len(apart) > _MOST:
            caption += f", of which {_MOST} are shown"
        parts.append(table(apart[:_MOST], caption=caption))
    return join(parts)


def write_labels(settings: AppSettings, name: str, kind: str) -> tuple[Path, str]:
    """The labels as a file for download, ``csv`` or ``jsonl``, and a sentence on it.

    Raises:
        UsageError: there is no label yet.
        RunError: the file cannot be written.
    """
    project = open_project(settings, name)
    target = settings.scratch / "labels" / uuid4().hex / f"{project.folder.name}-labels.{kind}"
    found = export_labels(project, target)
    told = f"{counted(found.rows, 'labelled row')}."
    if found.unsettled:
        told += (
            f" {counted(found.unsettled, 'row')} with different labels "
            f"{'is' if found.unsettled == 1 else 'are'} left out until they are settled."
        )
    return target, told


def lease_in_words() -> str:
    """How long a row is kept for the person who has it in front of them."""
    return f"{LEASE / 60:.0f} minutes"


def _short(text: str) -> str:
    """A text for a cell, with nothing in it that hides."""
    shown = "".join(
        "\N{REPLACEMENT CHARACTER}" if has_hidden(one) else one for one in text[:_SHORT]
    )
    return f"{shown}…" if len(text) > _SHORT else shown


def _notes(rows: list[SourceRow], labels: tuple[str, ...], labelled: int) -> list[str]:
    notes = []
    if labelled:
        notes.append(
            f"{counted(labelled, 'row of the file has', 'rows of the file have')} a label that is "
            "not in doubt, and no label is asked for. A label of the file is only doubted fairly "
            "by a classifier that was not trained on it."
        )
    unknown = sorted({row.given for row in rows if row.given is not None} - set(labels))
    if unknown:
        more = f" and {len(unknown) - 4} more" if len(unknown) > 4 else ""
        notes.append(
            f"The classifier does not know these labels of the file, and doubts none of their "
            f"rows: {', '.join(unknown[:4])}{more}."
        )
    return notes


def _more_labels(saved: Path) -> str:
    """What the next hundred labels would bring, by the run that a classifier belongs to."""
    from tunelab.runs.run_folder import read_run
    from tunelab.study.label_budget.next_labels import next_labels

    try:
        return next_labels(read_run(saved.parents[1]), saved.name)
    except TunelabError:
        return (
            "What 100 more labels would bring is not known: the run of the classifier cannot be "
            "read."
        )
