"""Parts of the test rows: by a column of the data, by length or by script."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tunelab.data.columns import unknown_column
from tunelab.data.examples import Example
from tunelab.data.scripts import script_shares

# Values of a column that are parts of their own; the rarer ones are one part together.
MOST_PARTS = 12
NO_VALUE = "no value"
OTHER_VALUES = "other values"
_QUARTILES = 4


def slice_values(rows: Sequence[Example], names: Sequence[str]) -> dict[str, list[str]]:
    """The part of each row in each slice, by the slice's name.

    A name is that of a column, whose values are the parts; numbers of more than 12 values are
    divided at their quartiles. Where there is no such column, ``length`` divides the texts at the
    quartiles of their characters, and ``script`` by the script that most of their letters have.

    Raises:
        UsageError: a name is neither a column nor one of the two.
    """
    return {name: _values(rows, name) for name in names}


def _values(rows: Sequence[Example], name: str) -> list[str]:
    if not rows:
        return []
    if any(name in row.extra for row in rows):
        return _of_column([row.extra.get(name) for row in rows])
    if name in _COMPUTED:
        return _COMPUTED[name](rows)
    known = [*map(str, rows[0].extra), *_COMPUTED]
    raise unknown_column(name, known, f"data.slices={name}, the test rows")


def _of_column(cells: Sequence[object]) -> list[str]:
    values = [_written(cell) for cell in cells]
    counts = Counter(values)
    if len(counts) <= MOST_PARTS:
        return values
    numbers = [_number(cell) for cell in cells]
    if all(
        number is not None or value == NO_VALUE
        for number, value in zip(numbers, values, strict=True)
    ):
        return _by_quartile(numbers, "")
    common = {value for value, _ in counts.most_common(MOST_PARTS - 1)}
    return [value if value in common else OTHER_VALUES for value in values]


def _by_length(rows: Sequence[Example]) -> list[str]:
    return _by_quartile([float(len(row.text)) for row in rows], " characters")


def _by_script(rows: Sequence[Example]) -> list[str]:
    return [next(iter(script_shares([row.text])), "no letters") for row in rows]


def _by_quartile(numbers: Sequence[float | None], unit: str) -> list[str]:
    """Four parts of about as many rows, named by their least and highest number."""
    known = sorted(number for number in numbers if number is not None)
    # The highest number of each part but the last; equal numbers are in one part.
    ends = [known[len(known) * part // _QUARTILES - 1] for part in range(1, _QUARTILES)]
    edges = [end for end in dict.fromkeys(ends) if end < known[-1]]
    parts: list[list[float]] = [[] for _ in range(len(edges) + 1)]
    for number in known:
        parts[sum(number > edge for edge in edges)].append(number)
    titles = [f"{part[0]:g} to {part[-1]:g}{unit}" for part in parts]
    return [
        NO_VALUE if number is None else titles[sum(number > edge for edge in edges)]
        for number in numbers
    ]


def _written(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return NO_VALUE
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()[:80] or NO_VALUE


def _number(cell: object) -> float | None:
    try:
        number = float(str(cell))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_COMPUTED: Mapping[str, Callable[[Sequence[Example]], list[str]]] = {
    "length": _by_length,
    "script": _by_script,
}
