"""Fit a table into a width: its columns, their widths, and which are left out.

A name or a number is never cut. Sentences are wrapped between words; where that is not enough,
columns are left out and named, or each row is written as lines of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

# A cell that is longer, and has blanks, is a sentence: it may be wrapped between its words.
_NAME = 24
# One that is longer still has to be wrapped even without blanks, as no window holds it.
_LONGEST_NAME = 60
_LEAST_SENTENCE = 16
# Sentences are wrapped at this width where nothing limits the table, for the reader's sake.
_SENTENCE = 100
# Rich draws a line and a blank on both sides of every cell, and the line at the end.
_BESIDE_CELL = 3


@dataclass(frozen=True)
class Column:
    """A column: its key, its heading, its cells as they are shown, and how narrow it can be.

    In cells of the terminal, ``width`` is what the longest line needs, ``least`` what the column
    can be narrowed to without cutting a name or a number, and ``in_file`` what it has where
    nothing limits the table.
    """

    key: str
    heading: str
    cells: tuple[str, ...]
    width: int
    least: int
    in_file: int


@dataclass(frozen=True)
class Layout:
    """Tables to draw below one another, each as (column, width); and what is left out.

    ``upright``: each row is printed as lines, one for each column.
    """

    blocks: tuple[tuple[tuple[Column, int], ...], ...] = ()
    left_out: tuple[str, ...] = ()
    upright: bool = False


def column_of(key: str, heading: str, cells: Sequence[str]) -> Column:
    """Measure a column."""
    from rich.cells import cell_len

    lines = [line for cell in cells for line in cell.split("\n")]
    longest = max(map(cell_len, lines), default=0)
    word = max((cell_len(word) for line in lines for word in line.split()), default=0)
    in_heading = max(map(cell_len, heading.split()), default=0)
    least = in_file = longest
    if longest > _NAME and word < longest:
        least = max(_LEAST_SENTENCE, min(word, _LONGEST_NAME))
        in_file = max(word, min(longest, _SENTENCE))
    elif longest > _LONGEST_NAME:
        least = _LEAST_SENTENCE
    return Column(
        key=key,
        heading=heading,
        cells=tuple(cells),
        width=max(longest, cell_len(heading), 1),
        least=max(least, in_heading, 1),
        in_file=max(in_file, cell_len(heading), 1),
    )


def lay_out(
    columns: Sequence[Column],
    width: int | None,
    *,
    first_out: Sequence[str] = (),
    vital: Collection[str] = (),
    blocks: bool = False,
) -> Layout:
    """Fit columns into ``width`` cells; None is a file, which holds any width.

    Args:
        columns: from left to right; the first one names the rows.
        width: of the window.
        first_out: keys of the columns that are left out before the last ones are.
        vital: keys of the columns without which the table says nothing; where they do not fit,
            it is written upright. Without any, these are the first two that are not first_out.
        blocks: columns that do not fit follow in a further table, with the first column again.
    """
    if width is None:
        return Layout((tuple((one, one.in_file) for one in columns),))
    rows = len(columns[0].cells) if columns else 0
    if _total(columns) <= width:
        return Layout((_widths(columns, width),))
    if blocks:
        groups = _groups(columns, width)
        if all(_total(group) <= width for group in groups):
            return Layout(tuple(_widths(group, width) for group in groups))
        return Layout(upright=True)
    if rows == 1:
        return Layout(upright=True)
    spared = [one.key for one in columns if one.key not in first_out]
    staying = set(vital or spared[:2])
    kept = list(columns)
    order = [one for key in first_out for one in columns if one.key == key]
    order += [one for one in reversed(columns) if one.key not in first_out]
    for leaving in order:
        if _total(kept) <= width:
            break
        if leaving.key not in staying:
            kept.remove(leaving)
    if _total(kept) > width:
        return Layout(upright=True)
    left_out = tuple(one.heading for one in columns if one not in kept)
    return Layout((_widths(kept, width),), left_out)


def _total(columns: Sequence[Column]) -> int:
    return sum(one.least + _BESIDE_CELL for one in columns) + 1


def _groups(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """The columns in tables that fit, each of which begins with the first column."""
    groups = [[columns[0]]]
    for one in columns[1:]:
        if len(groups[-1]) > 1 and _total([*groups[-1], one]) > width:
            groups.append([columns[0]])
        groups[-1].append(one)
    return groups


def _widths(columns: Sequence[Column], width: int) -> tuple[tuple[Column, int], ...]:
    """Share what is left of the width among the columns that would be wider."""
    left = width - _total(columns)
    widths = [one.least for one in columns]
    # The narrowest wish first, so that one long column does not take the room of all others.
    for position in sorted(range(len(columns)), key=lambda at: columns[at].width - widths[at]):
        wanting = sum(one.width > size for one, size in zip(columns, widths, strict=True))
        more = min(columns[position].width - widths[position], left // max(1, wanting))
        widths[position] += more
        left -= more
    return tuple(zip(columns, widths, strict=True))
