"""What people did: a record for each label, skip and undo, and what holds after all of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

Action = Literal["label", "skip", "undo"]
_KEYS = ("id", "action", "row", "number", "text", "label", "who", "when", "said", "undoes")


@dataclass(frozen=True)
class Record:
    """A line of labels.jsonl.

    ``row`` is the row's id, ``number`` its line in the file. ``label`` is None unless something was
    labelled. ``when`` is UTC in ISO 8601. ``said`` is what the classifier had said: its name as
    ``classifier``, its ``label`` and the ``probability`` of it. ``undoes`` is the id of the record
    that an undo takes back.
    """

    id: str
    action: Action
    row: str
    number: int
    text: str
    label: str | None
    who: str
    when: str
    said: Mapping[str, Any] = field(default_factory=dict)
    undoes: str | None = None

    def line(self) -> str:
        """The record as a line of JSON, without the line feed."""
        return json.dumps(
            {key: getattr(self, key) for key in _KEYS}, ensure_ascii=False, allow_nan=False
        )


def read_record(line: str) -> Record:
    """A record of its line.

    Raises:
        ValueError: it is none.
    """
    values = json.loads(line)
    if not isinstance(values, dict) or not set(_KEYS) <= set(values):
        raise ValueError("no record of a label")
    found = Record(**{key: values[key] for key in _KEYS})
    words = (found.id, found.row, found.text, found.who, found.when)
    if not all(isinstance(one, str) for one in words) or found.action not in get_args(Action):
        raise ValueError("no record of a label")
    if (found.action == "label") != isinstance(found.label, str):
        raise ValueError("no record of a label")
    return found


def utc(seconds: float) -> str:
    """A time in seconds since 1970 as ISO 8601 in UTC, to the second: 2026-05-01T09:30:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class History:
    """What holds after all records so far.

    Of each row, the last label of each person that was not taken back counts: a second label of the
    same person replaces the first, a later skip leaves it, and the labels of two people are both
    kept.
    """

    def __init__(self) -> None:
        # Of each row and person the records that hold, in order, each with its place in the file.
        self._held: dict[str, dict[str, list[tuple[int, Record]]]] = {}
        self._by_person: dict[str, list[Record]] = {}
        self._count = 0

    def add(self, record: Record) -> None:
        """Take the next record of the file."""
        self._count += 1
        if record.action != "undo":
            people = self._held.setdefault(record.row, {})
            people.setdefault(record.who, []).append((self._count, record))
            self._by_person.setdefault(record.who, []).append(record)
            return
        held = self._held.get(record.row, {}).get(record.who, [])
        held[:] = [pair for pair in held if pair[1].id != record.undoes]
        own = self._by_person.get(record.who, [])
        own[:] = [one for one in own if one.id != record.undoes]

    def labels(self, row: str) -> dict[str, str]:
        """The label that each person gave to a row."""
        return {
            who: labels[-1]
            for who, held in self._held.get(row, {}).items()
            if (labels := [one.label for _, one in held if one.label is not None])
        }

    def record(self, row: str, who: str) -> Record | None:
        """What a person did last with a row."""
        held = self._held.get(row, {}).get(who)
        return held[-1][1] if held else None

    def newest(self, row: str) -> Record | None:
        """The last record of a row that was not taken back."""
        last = [held[-1] for held in self._held.get(row, {}).values() if held]
        return max(last, key=lambda pair: pair[0])[1] if last else None

    def last_of(self, who: str) -> Record | None:
        """The last record of a person that was not taken back."""
        own = self._by_person.get(who)
        return own[-1] if own else None

    def people(self) -> list[str]:
        """Everybody who has a record that holds, in order of their first one."""
        return [who for who, own in self._by_person.items() if own]

    def labelled_by(self, who: str) -> int:
        """How many rows a person has given a label that holds."""
        return sum(who in self.labels(row) for row in self._held)


def settled(labels: Mapping[str, str]) -> str | None:
    """The label that more than half of the people gave, or None."""
    for label in set(labels.values()):
        if 2 * sum(one == label for one in labels.values()) > len(labels):
            return label
    return None
