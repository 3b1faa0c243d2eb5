"""Rows under a header: what any table may have, whatever kind of file it stands in."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tunelab.data.loading_notes import LoadingNotes, count_of, lines_of
from tunelab.errors import UsageError

Row = dict[str, Any]


def named_rows(
    records: Iterable[tuple[int, Sequence[Any]]],
    path: Path,
    notes: LoadingNotes,
    *,
    between: str = "columns",
) -> Iterator[tuple[int, Row]]:
    """Rows by the names of the first record. Columns without a name, blank rows and
    rows that are the header again are left out.

    Raises:
        UsageError: a name stands twice, or a row has too few cells, or too many.
    """
    numbered = iter(records)
    first = next((cells for _, cells in numbered if not _is_blank(cells)), [])
    header = [_name(name) for name in first]
    used = [position for position, name in enumerate(header) if name]
    names = [header[position] for position in used]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(
            f"{path}: the column {twice[0]!r} stands twice in the header; rename one of them."
        )
    width, least = len(header), (used[-1] + 1 if used else 0)
    every = len(used) == width
    unnamed = [position for position in range(1, width) if not header[position]]
    strays: list[int] = []
    again: list[int] = []
    for number, cells in numbered:
        # A table of one column may have an empty text in it, which is a row.
        head = cells[0] if cells else None
        if (
            (head is None or not str(head).strip())
            and _is_blank(cells)
            and (width > 1 or not cells)
        ):
            continue
        # As in tables that were put one under the other, each with its header.
        if len(names) > 1 and head == first[0] and [_name(cell) for cell in cells] == header:
            again.append(number)
            continue
        if len(cells) == width and every:
            yield number, dict(zip(names, cells, strict=True))
            continue
        if len(cells) < least or not _is_blank(cells[width:]):
            raise UsageError(_misfit(path, number, len(cells), width, between))
        if any(position < len(cells) and not _is_blank([cells[position]]) for position in unnamed):
            strays.append(number)
        yield number, {header[position]: cells[position] for position in used}
    if again:
        notes.tell(
            f"{path.name}: the names of the columns stand again among the rows "
            f"({lines_of(again)}); left out."
        )
    if strays:
        notes.tell(
            f"{path.name}: {count_of(len(strays), 'row has', 'rows have')} something in a column "
            f"without a name, which is not used ({lines_of(strays)})."
        )


def _name(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _is_blank(cells: Sequence[Any]) -> bool:
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells)


def _misfit(path: Path, number: int, found: int, width: int, between: str) -> str:
    if found < width:
        hint = "a cell is missing"
    elif width > 1:
        hint = f"put a text with {between} in double quotes"
    else:
        hint = f"put a text with {between} in double quotes, or remove what stands above the header"
    return f"{path}, line {number}: {count_of(found, 'cell')}, but the header has {width}; {hint}."
