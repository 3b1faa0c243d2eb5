"""From rows to examples: the columns that a study names, and what a cell may hold."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from tunelab.data.examples import Example
from tunelab.data.loading_notes import LoadingNotes, count_of, lines_of, listed
from tunelab.data.normalizing import normal_label, normal_text
from tunelab.errors import UsageError
from tunelab.guards.visible_text import has_hidden

_LONGEST_LABEL = 1_000
# Names of columns that are shown, and characters of each.
_MOST_NAMES = 20
_LONGEST_NAME = 60


def to_examples(
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    *,
    text: str,
    label: str,
    where: str,
    notes: LoadingNotes | None = None,
    hidden: bool = False,
) -> list[Example]:
    """Pick text and label of numbered rows, in normal form (see :mod:`~.normalizing`).

    The other columns are kept in ``extra``. A text that is null or NaN becomes an empty one,
    which the data checks report. Rows without a label are left out, which ``notes`` tells. With
    ``hidden`` no row need have one, nor need there be its column, as in the test rows of a
    benchmark.

    Raises:
        UsageError: a column is missing, no row has a label, or a label is none that could be
            answered.
    """
    notes = LoadingNotes() if notes is None else notes
    examples = []
    unlabelled: list[int] = []
    # The label of each way to write one: they repeat, and need be looked at once.
    known: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for position, (number, row) in enumerate(rows):
        if hidden and not position and label not in row and text in row:
            names = listed([_short(str(key)) for key in row], most=_MOST_NAMES)
            notes.tell(
                f"{where}: it has no column {label!r} (hidden labels; its columns are {names}), so "
                "nothing can be measured on it; it is not used."
            )
            return []
        _check_columns((text, label), row, where, number if position else None)
        content = normal_text(_text_of(row, text, where, number))
        raw = _raw_label(row[label], label, where, number)
        if raw not in known:
            known[raw] = normal_label(raw)
            _check_label(known[raw], where, number)
        if not known[raw]:
            unlabelled.append(number)
            continue
        counts[raw] += 1
        extra = {key: value for key, value in row.items() if key not in (text, label)}
        examples.append(Example(content, known[raw], extra))
    for raw, count in counts.items():
        notes.spellings.setdefault(known[raw], Counter())[raw] += count
    if unlabelled and not examples:
        rows_of = count_of(len(unlabelled), "row")
        if not hidden:
            raise UsageError(
                f"{where}: the column {label!r} holds no label in any row ({rows_of}); name the "
                "column that holds the labels."
            )
        notes.tell(
            f"{where}: none of its {rows_of} has a label in the column {label!r} (hidden "
            "labels), so nothing can be measured on it; it is not used."
        )
    elif unlabelled:
        positions = lines_of(unlabelled)
        notes.tell(
            f"{where}: {count_of(len(unlabelled), 'row has', 'rows have')} no label in the column "
            f"{label!r} ({positions}); left out."
        )
    return examples


def _raw_label(value: Any, column: str, where: str, number: int) -> str:
    """A label as it is written; empty where there is none."""
    if _is_nothing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | dict | bytes) and value:
        raise UsageError(
            f"{where}, line {number}: a label must be one word or number, but the column "
            f"{column!r} holds {_kind(value)}."
        )
    return _writable(value) if not isinstance(value, list | dict | bytes) else ""


def _check_label(label: str, where: str, number: int) -> None:
    if has_hidden(label) or len(label) > _LONGEST_LABEL:
        raise UsageError(
            f"{where}, line {number}: a label must be at most {_LONGEST_LABEL} characters long and "
            "hold no line breaks or hidden characters. Is it the right column?"
        )


def texts_of(
    rows: Iterable[tuple[int, Mapping[str, Any]]], column: str, *, where: str
) -> Iterator[str]:
    """The text of each numbered row as it stands in the file; null and NaN are an empty text.

    Raises:
        UsageError: there is no such column, or it holds no text.
    """
    for position, (number, row) in enumerate(rows):
        _check_columns((column,), row, where, number if position else None)
        yield _text_of(row, column, where, number)


def labels_of(
    rows: Iterable[tuple[int, Mapping[str, Any]]], column: str, *, where: str
) -> Iterator[str | None]:
    """The label of each numbered row in normal form, None where it has none.

    Raises:
        UsageError: there is no such column, or a label is none that could be answered.
    """
    for position, (number, row) in enumerate(rows):
        _check_columns((column,), row, where, number if position else None)
        label = normal_label(_raw_label(row[column], column, where, number))
        _check_label(label, where, number)
        yield label or None


def _text_of(row: Mapping[str, Any], column: str, where: str, number: int) -> str:
    value = row[column]
    if _is_nothing(value):
        return ""
    if isinstance(value, list | dict | bytes):
        raise UsageError(
            f"{where}, line {number}: the column {column!r} holds {_kind(value)} and not a text."
        )
    return _writable(value)


def _writable(value: Any) -> str:
    text = str(value)
    # A lone surrogate, which JSON can smuggle in, cannot be written to any file again.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _kind(value: Any) -> str:
    if isinstance(value, bytes):
        return "bytes"
    return "a list" if isinstance(value, list) else "an object"


def unknown_column(name: str, known: Sequence[str], where: str) -> UsageError:
    """The error for a column that is not there: the near matches, and all that there are."""
    folded = {column.casefold().strip(): column for column in reversed(known)}
    near = [
        folded[match]
        for match in get_close_matches(name[:200].casefold(), list(folded), n=3, cutoff=0.5)
    ]
    shown = name if len(name) <= 200 else f"{name[:199]}…"
    names = listed([_short(column) for column in known], most=_MOST_NAMES) or "none"
    hint = f": did you mean {' or '.join(near)}?" if near else "."
    sentence = f"{where}: unknown column {shown!r}{hint} The columns are: {names}."
    if _is_row(known):
        sentence += (
            " The first line looks like a row and not like the names of columns; write the names "
            "above it, such as text and label."
        )
    return UsageError(sentence)


def _check_columns(
    names: Sequence[str], row: Mapping[str, Any], where: str, number: int | None
) -> None:
    """Refuse a row without one of the columns.

    ``number`` is None for the first row: what it lacks stands nowhere in the file, or not in its
    header, and no line of rows is at fault.
    """
    for name in names:
        if name not in row:
            position = where if number is None else f"{where}, line {number}"
            raise unknown_column(name, [str(key) for key in row], position)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _is_row(names: Sequence[str]) -> bool:
    """Whether what stands as the names of columns looks like a text or a number."""
    return any(
        len(name) > _LONGEST_NAME
        or len(name.split()) > 3
        or name.replace(".", "", 1).removeprefix("-").isdecimal()
        for name in names
    )
