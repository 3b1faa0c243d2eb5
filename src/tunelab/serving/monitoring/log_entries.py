"""Answers of a classifier, read from what ``tunelab serve`` and ``tunelab predict`` wrote.

Three kinds of line are known, each by its fields:

* a line of the service's log: a count of each label, without texts;
* a line of ``serve --record``: one answer, and the text as hashed words;
* a row of a prediction: one answer and the text.
"""

import gzip
import json
import logging
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

from tunelab.data.columns import unknown_column
from tunelab.data.readers import read_rows
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import BUCKETS, Unit
from tunelab.numbers import counted
from tunelab.serving.prediction_files import read_probability
from tunelab.serving.prediction_parts import NO_LABEL

# A JSON object a line, which may still be written while it is read.
_LOGS = (".jsonl", ".log", ".ndjson")
# What programs that rotate logs add to a name: .1, -20260301.
_ROTATED = re.compile(r"(?:\.[0-9]+|-[0-9]{8}(?:-[0-9]+)?)$")
_PACKED = ".gz"
_TIME = "time"
# Texts of a request that a line of the log can speak for.
_MOST_AT_ONCE = 1_000_000
_LONGEST_LINE = 20_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Columns:
    """The columns that are read. ``time`` None reads the column "time" where there is one."""

    time: str | None = None
    text: str = "text"
    label: str = "label"


@dataclass(frozen=True)
class Entry:
    """Answers that were given at once.

    ``model`` is the id under which a service answered, ``classifier`` the hash of the classifier;
    None where the log has none. ``answers`` counts the texts that got each label, None for no
    label. ``text`` is the text of a
    single answer, ``words`` the same as hashed words; both are None where the log has neither.
    ``reviewed`` answers say whether a person should look, and ``to_review`` of them need one.
    """

    file: str
    time: datetime | None
    model: str | None
    classifier: str | None
    answers: Mapping[str | None, int]
    text: str | None = None
    words: tuple[int, ...] | None = None
    unit: Unit | None = None
    confidence: float | None = None
    to_review: int = 0
    reviewed: int = 0


def read_entries(paths: Sequence[Path], columns: Columns) -> Iterator[Entry]:
    """All answers of files, in their order, in bounded memory.

    A path is a file, or the folder of Parquet parts that ``tunelab predict`` wrote. The last line
    of a log may be incomplete. Lines that are no JSON objects are left out and counted in a
    warning.

    Raises:
        UsageError: a file is missing, of an unknown kind, or holds no answers.
    """
    names = [path.name for path in paths]
    for path in paths:
        name = path.name if names.count(path.name) == 1 else str(path)
        found = False
        for entry in _entries(path, name, columns):
            found = True
            yield entry
        if not found:
            raise UsageError(
                f"{path} holds no answers; name the log of tunelab serve, a file of serve "
                "--record, or what tunelab predict wrote."
            )


def _entries(path: Path, name: str, columns: Columns) -> Iterator[Entry]:
    for part in _files(path):
        for row in _log_rows(part) if _is_log(part) else _table_rows(part):
            entry = _entry(row, name, part, columns)
            if entry is not None:
                yield entry


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    parts = sorted(path.glob("part-*.parquet"))
    if not parts:
        raise UsageError(f"{path} is a folder without the parts of a prediction; name files.")
    return parts


def _is_log(path: Path) -> bool:
    name = _ROTATED.sub("", path.name.lower().removesuffix(_PACKED))
    return name.endswith(_LOGS)


def _table_rows(path: Path) -> Iterator[dict[str, Any]]:
    return (row for _, row in read_rows(path, labelled=False))


def _log_rows(path: Path) -> Iterator[dict[str, Any]]:
    strange = 0
    try:
        with _opened(path) as file:
            while line := file.readline(_LONGEST_LINE):
                row = _parsed(line)
                if row is not None:
                    yield row
                elif line.strip() and line.endswith(b"\n"):
                    # A last line without its end is still being written.
                    strange += 1
    except FileNotFoundError:
        raise UsageError(f"there is no file {str(path)!r}.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"{path} is not a complete gzip file; pack it again.") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}.") from None
    if strange:
        _log.warning(
            f"{path}: {counted(strange, 'line')} that {'is' if strange == 1 else 'are'} no JSON "
            f"object {'is' if strange == 1 else 'are'} left out."
        )


def _opened(path: Path) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == _PACKED else path.open("rb")


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _entry(row: Mapping[str, Any], name: str, path: Path, columns: Columns) -> Entry | None:
    """The answers of a row, or None where it is a line of the log without answers."""
    if columns.label not in row and "event" in row and _is_log(path):
        return _of_request(row, name, path) if isinstance(row.get("labels"), dict) else None
    if columns.label not in row:
        raise unknown_column(columns.label, list(row), path.name)
    if columns.time is not None and columns.time not in row:
        raise unknown_column(columns.time, list(row), path.name)
    review = row.get("needs_review")
    known = review is not None and review != ""
    text = row.get(columns.text)
    return Entry(
        file=name,
        time=_time(row.get(columns.time or _TIME), path, columns.time or _TIME),
        model=_text_or_none(row.get("model")),
        classifier=_text_or_none(row.get("classifier")),
        answers={_label(row[columns.label]): 1},
        text=None if text is None else str(text),
        words=_words(row.get("words"), path),
        unit=row.get("unit") if row.get("unit") in ("words", "letters") else None,
        confidence=read_probability(row.get("probability", row.get("confidence"))),
        to_review=int(known and str(review).lower() == "true"),
        reviewed=int(known),
    )


def _of_request(row: Mapping[str, Any], name: str, path: Path) -> Entry:
    """A line of the service's log, which has no texts."""
    answers = {
        _label(label): count
        for label, count in row["labels"].items()
        if type(count) is int and 0 < count <= _MOST_AT_ONCE
    }
    given = row.get("needs_review")
    review = given if isinstance(given, int) and not isinstance(given, bool) else None
    return Entry(
        file=name,
        time=_time(row.get(_TIME), path, _TIME),
        model=_text_or_none(row.get("model")),
        classifier=None,
        answers=answers,
        to_review=review or 0,
        reviewed=0 if review is None else sum(answers.values()),
    )


def _label(value: Any) -> str | None:
    if value is None:
        return None
    label = str(value)
    return None if label in ("", NO_LABEL) else label


def _words(value: Any, path: Path) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(
        type(word) is int and 0 <= word < BUCKETS for word in value
    ):
        raise UsageError(f"{path}: a line has words that tunelab serve --record never writes.")
    return tuple(value)


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: Any, path: Path, column: str) -> datetime | None:
    """A time with its zone; one without is taken as UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{path}: {str(value)[:60]!r} in the column {column!r} is no time; write times as "
            "2026-03-01T14:30:00Z, or name another column with --time."
        ) from None
