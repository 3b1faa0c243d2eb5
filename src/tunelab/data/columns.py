"""From rows to examples: the columns that a study names, and what a cell may hold."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.registry import unknown
from tunelab.visible_text import has_hidden

_LONGEST_LABEL = 1_000


def to_examples(
    rows: Iterable[tuple[int, Mapping[str, Any]]], *, text: str, label: str, where: str
) -> list[Example]:
    """Pick text and label of numbered rows; the other columns are kept in ``extra``.

    A text that is null or NaN becomes an empty one, which the data checks report.

    Raises:
        UsageError: a column is missing, or a label is.
    """
    examples = []
    for number, row in rows:
        content = text_of(row, text, where=where, number=number)
        if label not in row:
            raise _missing_column(label, row, where, number)
        name = row[label]
        if _is_nothing(name) or not str(name).strip():
            raise UsageError(f"{where}, line {number}: the column {label!r} holds no label.")
        if isinstance(name, float) and name.is_integer():
            name = int(name)
        if isinstance(name, list | dict | bytes):
            raise UsageError(f"{where}, line {number}: the label must be one word or number.")
        written = _writable(name).strip()
        if has_hidden(written) or len(written) > _LONGEST_LABEL:
            raise UsageError(
                f"{where}, line {number}: the label must be words of at most {_LONGEST_LABEL} "
                "characters, all of which can be seen."
            )
        extra = {key: value for key, value in row.items() if key not in (text, label)}
        examples.append(Example(content, written, extra))
    return examples


def text_of(row: Mapping[str, Any], column: str, *, where: str, number: int) -> str:
    """The text of a row; null and NaN are an empty text.

    Raises:
        UsageError: there is no such column, or it holds no text.
    """
    if column not in row:
        raise _missing_column(column, row, where, number)
    value = row[column]
    if _is_nothing(value):
        return ""
    if isinstance(value, list | dict | bytes):
        raise UsageError(f"{where}, line {number}: the column {column!r} holds no text.")
    return _writable(value)


def _writable(value: Any) -> str:
    # A lone surrogate, which JSON can smuggle in, cannot be written to any file again.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _missing_column(name: str, row: Mapping[str, Any], where: str, number: int) -> UsageError:
    error = unknown("column", name, [str(key) for key in row])
    place = f"{where}, line {number}" if number > 1 else where
    return UsageError(f"{place}: {error}")
