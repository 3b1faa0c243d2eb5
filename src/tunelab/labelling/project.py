"""A labelling project: it gives rows to people, and keeps what they answer."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import uuid4

from tunelab.data.text_identity import identity
from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import is_file, read_bounded, within
from tunelab.guards.visible_text import has_hidden
from tunelab.labelling.queue import Queue, QueuedRow, SourceRow, from_json, to_json
from tunelab.labelling.records import Action, History, Record, settled, utc
from tunelab.labelling.reservations import Reservation, read_reservations, write_reservations
from tunelab.labelling.store import LabelFile, locked
from tunelab.runs.results import make_folder, read_json, write_json, write_text

PROJECT, ROWS, LABELS, RESERVED = "project.json", "rows.jsonl", "labels.jsonl", "reserved.json"
_VERSION = 1
# What a line of rows.jsonl holds: a row to label, or one that has its label.
_QUEUED, _LABELLED = "queued", "labelled"
# Bytes of rows.jsonl.
_LARGEST = 500_000_000
# Seconds for which a row that somebody has in front of them is given to nobody else.
LEASE = 600.0
_LONGEST_NAME = 60

# Which rows a person gets: those without a label; those that others have labelled, to measure
# agreement; those that have different labels, to settle them.
Which = Literal["new", "second", "different"]


@dataclass(frozen=True)
class About:
    """What is known of a project beside its rows.

    ``labels`` are those to choose from. ``classifier`` is what the rows were ordered by and
    ``file`` what they were read from, by name. ``made`` is a time in UTC. ``drift``,
    ``more_labels`` and ``notes`` are sentences: whether the texts drifted, what the next hundred
    labels would bring, and what else to know. ``repeated`` counts rows whose text came before.
    """

    labels: tuple[str, ...]
    classifier: str
    file: str
    made: str
    drift: str
    more_labels: str
    notes: tuple[str, ...] = ()
    repeated: int = 0


@dataclass(frozen=True)
class Progress:
    """``rows`` to label, how many have a label by anybody, how many have ``different`` ones that
    are not settled, and how many each person has labelled.
    """

    rows: int
    labelled: int
    different: int
    people: Mapping[str, int]


def start_project(folder: Path, queue: Queue, about: About) -> "Project":
    """Write a new project. Its last file is project.json, so that its presence means complete.

    Raises:
        UsageError: there is one in the folder, or there is nothing to label.
        RunError: the folder cannot be written.
    """
    if is_file(folder / PROJECT):
        raise UsageError(
            f"there is a labelling project {folder.name} already; choose it from the list, or "
            "another name."
        )
    if not queue.rows:
        raise UsageError(
            "every row of the file has a label that is not in doubt, so there is nothing to label."
        )
    if not about.labels:
        raise UsageError("the classifier has no labels to choose from.")
    make_folder(folder)
    lines = [{_QUEUED: to_json(row)} for row in queue.rows]
    lines += [{_LABELLED: asdict(row)} for row in queue.labelled]
    written = (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in lines)
    write_text(folder / ROWS, "".join(f"{line}\n" for line in written))
    write_json(folder / PROJECT, {"version": _VERSION, **asdict(about)})
    return Project(folder)


class Project:
    """An open project. Several people, threads and processes may use one folder at a time."""

    def __init__(self, folder: Path) -> None:
        """Read the rows of a project.

        Raises:
            UsageError: there is no project, or its files are damaged.
        """
        self.folder = folder
        if not is_file(within(folder, folder / PROJECT)):
            raise UsageError(f"there is no labelling project {folder.name}.")
        try:
            record = read_json(folder / PROJECT)
            if record.pop("version") != _VERSION:
                raise ValueError("another version")
            self.about = About(**{**record, **_tuples(record, ("labels", "notes"))})
            lines = list(_lines(folder))
            self.rows = tuple(from_json(row) for kind, row in lines if kind == _QUEUED)
            self.labelled = tuple(SourceRow(**row) for kind, row in lines if kind == _LABELLED)
        except (RunError, OSError, ValueError, TypeError, KeyError, AttributeError):
            raise UsageError(
                f"the labelling project {folder.name} is damaged; start another one. The labels "
                f"in its {LABELS} are kept."
            ) from None
        self._by_id = {row.id: row for row in self.rows}
        self._file = LabelFile(folder / LABELS)

    def next_row(
        self, who: str, which: Which = "new", now: float | None = None
    ) -> QueuedRow | None:
        """The row that a person has to look at, which is theirs for :data:`LEASE` seconds.

        It is the same one until they answer it, also after a reload. None where none is left that
        nobody else has in front of them.

        Raises:
            UsageError: the name cannot be used, or labels.jsonl is damaged.
            RunError: the folder cannot be written.
        """
        who, moment = check_person(who), time.time() if now is None else now
        with locked(self.folder):
            return self._next(who, which, moment)

    def label(self, who: str, row: str, label: str, now: float | None = None) -> Record:
        """Keep a person's label of a row. Saying the same again changes nothing.

        Raises:
            UsageError: there is no such row or label.
            RunError: the folder cannot be written; then the label was not kept.
        """
        if label not in self.about.labels:
            raise UsageError("choose one of the labels.")
        return self._answer("label", who, row, label, now)

    def skip(self, who: str, row: str, now: float | None = None) -> Record:
        """Pass a row over: it goes to others, and not to this person again.

        Raises:
            UsageError: there is no such row.
            RunError: the folder cannot be written.
        """
        return self._answer("skip", who, row, None, now)

    def undo(self, who: str, now: float | None = None) -> Record:
        """Take back what a person did last, by a further record; the row comes to them again.

        Raises:
            UsageError: there is nothing to take back.
            RunError: the folder cannot be written.
        """
        who, moment = check_person(who), time.time() if now is None else now
        with locked(self.folder):
            last = self._file.refresh().last_of(who)
            if last is None:
                raise UsageError(f"there is nothing of {who} to undo.")
            record = replace(
                last, id=uuid4().hex, action="undo", label=None, when=utc(moment), undoes=last.id
            )
            self._file.append(record)
            if last.row in self._by_id:
                self._reserve(who, last.row, moment)
            return record

    def history(self) -> History:
        """What holds now, read anew: what others add later does not change it.

        Raises:
            UsageError: labels.jsonl is damaged.
        """
        with locked(self.folder):
            return LabelFile(self.folder / LABELS).refresh()

    def progress(self) -> Progress:
        """How far the labelling is."""
        with locked(self.folder):
            history = self._file.refresh()
            labels = [history.labels(row.id) for row in self.rows]
            people = {who: history.labelled_by(who) for who in history.people()}
        return Progress(
            rows=len(self.rows),
            labelled=sum(bool(one) for one in labels),
            different=sum(bool(one) and settled(one) is None for one in labels),
            people=people,
        )

    def _answer(
        self, action: Action, who: str, row: str, label: str | None, now: float | None
    ) -> Record:
        who, moment = check_person(who), time.time() if now is None else now
        if row not in self._by_id:
            raise UsageError("this row is not in this project; reload the page.")
        queued = self._by_id[row]
        with locked(self.folder):
            before = self._file.refresh().record(row, who)
            if before is not None and (before.action, before.label) == (action, label):
                return before
            record = Record(
                id=uuid4().hex,
                action=action,
                row=row,
                number=queued.number,
                text=queued.text,
                label=label,
                who=who,
                when=utc(moment),
                said={
                    "classifier": self.about.classifier,
                    "label": queued.said.label,
                    "probability": queued.said.probability,
                },
            )
            self._file.append(record)
            self._release(who, row, moment)
            return record

    def _next(self, who: str, which: Which, now: float) -> QueuedRow | None:
        history = self._file.refresh()
        reserved = read_reservations(self.folder / RESERVED)
        own = reserved.get(who)
        held = {one.row for name, one in reserved.items() if name != who and one.until > now}
        # The row in front of a person stays there, unless they answered it or somebody took it.
        first = [] if own is None or own.row not in self._by_id else [self._by_id[own.row]]
        wants = _WANTS[which]
        for row in (*first, *self.rows):
            if row.id not in held and wants(history, row.id, who):
                self._reserve(who, row.id, now)
                return row
        return None

    def _release(self, who: str, row: str, now: float) -> None:
        reserved = read_reservations(self.folder / RESERVED)
        if who in reserved and reserved[who].row == row:
            del reserved[who]
            write_reservations(self.folder / RESERVED, reserved, now)

    def _reserve(self, who: str, row: str, now: float) -> None:
        reserved = read_reservations(self.folder / RESERVED)
        reserved[who] = Reservation(row, now + LEASE)
        write_reservations(self.folder / RESERVED, reserved, now)


def check_person(who: str) -> str:
    """The name of a person, composed (NFC) and without blanks around it.

    Raises:
        UsageError: it is empty, too long, or holds characters that hide or cannot be written.
    """
    name = identity(who) if isinstance(who, str) else ""
    halves = any("\ud800" <= sign <= "\udfff" for sign in name)
    if not name or len(name) > _LONGEST_NAME or has_hidden(name) or halves:
        raise UsageError(
            f"write your name first, in 1 to {_LONGEST_NAME} characters; it is saved with your "
            "labels."
        )
    return name


def check_which(which: object) -> Which:
    """One of the kinds of rows that a person can get.

    Raises:
        UsageError: it is none.
    """
    for known in get_args(Which):
        if which == known:
            found: Which = known
            return found
    raise UsageError("choose which rows to label from the list.")


def _is_new(history: History, row: str, who: str) -> bool:
    return history.record(row, who) is None and not history.labels(row)


def _is_for_second(history: History, row: str, who: str) -> bool:
    return history.record(row, who) is None and bool(history.labels(row))


def _is_different(history: History, row: str, who: str) -> bool:
    """Different labels, and the person was not the last one who looked."""
    labels, newest = history.labels(row), history.newest(row)
    return bool(labels) and settled(labels) is None and newest is not None and newest.who != who


_WANTS = {"new": _is_new, "second": _is_for_second, "different": _is_different}


def _lines(folder: Path) -> Iterator[tuple[str, Any]]:
    content = read_bounded(within(folder, folder / ROWS), _LARGEST).decode("utf-8")
    for line in content.split("\n"):
        if line:
            (pair,) = json.loads(line).items()
            if pair[0] not in (_QUEUED, _LABELLED):
                raise ValueError("no row")
            yield pair


def _tuples(record: Mapping[str, Any], keys: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    return {key: tuple(record[key]) for key in keys}
