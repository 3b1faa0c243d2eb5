"""Tables of text: commas, semicolons, tabs or bars, read as each file is really written.

Before the rows are read, the file is looked through once for its separator and for what its
quotation marks mean. A row never takes in lines that look like rows of their own.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunelab.data.loading_notes import LoadingNotes, count_of
from tunelab.data.tables import named_rows
from tunelab.data.text_files import open_text
from tunelab.errors import UsageError

# Characters of a line or a cell: a quotation mark that is never closed takes the rest of a file.
LONGEST = 16_000_000
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE_ROWS = 50
_SAMPLE = 256_000
_SEPARATOR_LINE = re.compile(r'^\s*"?sep=(.)"?\s*$', re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
# Rows of several lines that are looked at more closely, and lines of one.
_MOST_SUSPECTS = 1_000
_MOST_LINES = 2_000
_MOST_VALUES = 2_000

Row = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    ``before`` are lines in front of the header, ``quoted`` says whether quotation marks enclose
    cells, ``escape`` is what stands before a quotation mark within a cell, if it is not doubled,
    and ``spaced`` that a blank follows each separator.
    """

    separator: str
    before: int = 0
    quoted: bool = True
    escape: str | None = None
    spaced: bool = False


def read_delimited(path: Path, separator: str, notes: LoadingNotes) -> Iterator[tuple[int, Row]]:
    """Numbers of lines (where each row begins) and rows; ``separator`` is the kind's own.

    Raises:
        UsageError: a row has another number of cells than the header, a name stands twice in the
            header, or a quotation mark takes in lines that look like rows.
    """
    layout = find_layout(path, separator, notes)
    yield from named_rows(_records(path, layout), path, notes, between=_name_of(layout.separator))


def _name_of(separator: str) -> str:
    return _SEPARATORS.get(separator, repr(separator))


def find_layout(path: Path, separator: str, notes: LoadingNotes) -> Layout:
    """Look a file through; what is unusual about it is noted.

    Raises:
        UsageError: a quotation mark is never closed, is followed by more text, or takes in lines
            that look like rows.
    """
    layout = _layout_of_start(path, separator)
    if layout.separator != separator:
        notes.tell(f"{path.name}: its columns are separated by {_name_of(layout.separator)}.")
    if layout.separator == "\t":
        return _tab_layout(path, layout, notes)
    with open_text(path, newline="") as file:
        has_quotes, has_escapes = False, False
        for line in file:
            if '"' in line:
                has_quotes = True
                if '\\"' in line:
                    has_escapes = True
                    break
    if not has_quotes:
        return layout
    try:
        _check_records(path, layout, notes)
    except UsageError:
        if not has_escapes:
            raise
        # As MySQL and others write it.
        escaped = replace(layout, escape="\\")
        try:
            _check_records(path, escaped, notes)
        except UsageError:
            escaped = layout
        if escaped is layout:
            raise
        notes.tell(f"{path.name}: a backslash stands before quotation marks within texts.")
        return escaped
    return layout


def _layout_of_start(path: Path, separator: str) -> Layout:
    """The separator by the first rows; the kind's own wherever it fits."""
    with open_text(path, newline="") as file:
        sample = file.read(_SAMPLE)
    lines = list(io.StringIO(sample, newline=""))
    if len(sample) == _SAMPLE and len(lines) > 1:
        lines.pop()
    before = 0
    while before < len(lines) and not lines[before].strip():
        before += 1
    if before == len(lines):
        return Layout(separator)
    stated = _SEPARATOR_LINE.match(lines[before])
    if stated:
        chosen, before = stated.group(1), before + 1
    else:
        chosen = _best_separator(lines[before:], separator)
    layout = Layout(chosen, before)
    header = lines[before] if before < len(lines) else ""
    return replace(layout, spaced=_is_spaced(header, chosen))


def _best_separator(lines: Sequence[str], separator: str) -> str:
    found: dict[str, tuple[bool, float, int]] = {}
    for candidate in (separator, *(one for one in _SEPARATORS if one != separator)):
        layout = Layout(candidate, quoted=candidate != "\t")
        rows: list[list[str]] = []
        try:
            for cells in _reader(iter(lines), layout, strict=False):
                if any(cell.strip() for cell in cells):
                    rows.append(cells)
                if len(rows) > _SAMPLE_ROWS:
                    break
        except csv.Error:
            if not rows:
                continue
        header = sum(bool(cell.strip()) for cell in rows[0]) if rows else 0
        if header < 2:
            continue
        fitting = sum(len(cells) == len(rows[0]) for cells in rows[1:])
        share = fitting / max(1, len(rows) - 1)
        if candidate != separator and share < 0.8:
            continue
        found[candidate] = (share >= 0.8, share if candidate != separator else 1.0, header)
    if not found:
        return separator
    # Of equal ones the first, which is the kind's own.
    return max(found, key=lambda one: (found[one][0], one == separator, *found[one][1:]))


def _is_spaced(header: str, separator: str) -> bool:
    return separator != "\t" and f"{separator} " in header


def _reader(lines: Iterable[str], layout: Layout, *, strict: bool = True) -> Any:
    csv.field_size_limit(LONGEST)
    return csv.reader(
        lines,
        delimiter=layout.separator,
        quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
        doublequote=layout.escape is None,
        escapechar=layout.escape,
        skipinitialspace=layout.spaced,
        strict=strict and layout.quoted,
    )


def _records(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Where each record begins, and its cells."""
    for begins, _, cells in _spans(path, layout):
        yield begins, cells


def _spans(path: Path, layout: Layout) -> Iterator[tuple[int, int, list[str]]]:
    """Where each record begins and ends, and its cells."""
    with open_text(path, newline="") as file:
        before = layout.before
        for _ in range(before):
            file.readline(LONGEST)
        reader = _reader(file, layout)
        begins = 1
        try:
            for cells in reader:
                ends = reader.line_num
                yield before + begins, before + ends, cells
                begins = ends + 1
        except csv.Error as error:
            raise _broken(path, before + begins, str(error)) from None


def _broken(path: Path, line: int, reason: str) -> UsageError:
    position = f"{path}, line {line}"
    double = 'double it ("") and enclose the whole text in quotation marks, if it belongs to it'
    if "unexpected end" in reason:
        return UsageError(f"{position}: a quotation mark opens here and is never closed; {double}.")
    if "expected after" in reason:
        return UsageError(f"{position}: text continues after a closing quotation mark; {double}.")
    return UsageError(f"{position}: {reason}.")


@dataclass(frozen=True)
class _Suspect:
    """A record of several lines: where it begins, how many more it has, and all but the last."""

    line: int
    more: int
    lines: tuple[str, ...]


def _check_records(path: Path, layout: Layout, notes: LoadingNotes) -> None:
    """See that quotation marks take in no lines that look like rows of their own."""
    spans: list[tuple[int, int]] = []
    width = several = taken_in = 0
    for begins, ends, cells in _spans(path, layout):
        width = width or len(cells)
        if ends > begins:
            several += 1
            taken_in += ends - begins
            if len(spans) < _MOST_SUSPECTS:
                spans.append((begins, ends))
    suspects = []
    for (begins, ends), lines in _lines_of(path, spans):
        # The last line tells nothing: what stands behind the closing mark is the row's own.
        wide = sum(len(_cells_of(line, layout)) >= width for line in lines)
        if 2 * wide > len(lines):
            suspects.append(_Suspect(begins, ends - begins, tuple(lines)))
    if suspects:
        _judge(path, layout, suspects, width)
    if several:
        notes.tell(
            f"{path.name}: {count_of(several, 'text holds', 'texts hold')} line breaks within "
            f"quotation marks, so that its rows take {count_of(taken_in, 'line')} more than there "
            "are rows."
        )


def _lines_of(
    path: Path, spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], list[str]]]:
    """The lines of records of several lines, each without its last one and up to a bound."""
    if not spans:
        return
    with open_text(path, newline="") as file:
        numbered = enumerate(file, start=1)
        for begins, ends in spans:
            lines: list[str] = []
            for number, line in numbered:
                if begins <= number < ends and len(lines) < _MOST_LINES:
                    lines.append(line)
                if number >= ends:
                    break
            yield (begins, ends), lines


def _cells_of(line: str, layout: Layout) -> list[str]:
    """The cells of a line that is taken for itself; half a quotation mark means nothing."""
    marks = line.count('"')
    apart = replace(layout, quoted=marks % 2 == 0, spaced=False)
    return next(_reader(iter([line.rstrip("\r\n")]), apart, strict=False), [])


def _judge(path: Path, layout: Layout, suspects: Sequence[_Suspect], width: int) -> None:
    """Refuse a record most of whose lines hold, in one column, what other rows hold there."""
    values: list[Counter[str] | None] = [Counter() for _ in range(width)]
    for _, cells in _records(path, layout):
        for position, cell in enumerate(cells[:width]):
            counts = values[position]
            if counts is not None:
                counts[cell] += 1
                if len(counts) > _MOST_VALUES:
                    values[position] = None
    for suspect in suspects:
        rows = [_cells_of(line, layout) for line in suspect.lines]
        for position, counts in enumerate(values):
            if counts is None:
                continue
            # Of a line with more cells, a text with separators in it, counted from its end.
            cells = [row[position - width] for row in rows if len(row) >= width]
            own = Counter(cells)
            known = [
                cell
                for cell in cells
                if cell
                and (layout.spaced or not cell.startswith(" "))
                and (counts[cell] > 0 or own[cell] > 1)
            ]
            if 2 * len(known) > len(rows) and any(counts[cell] > 0 for cell in known):
                raise UsageError(
                    f"{path}, line {suspect.line}: a quotation mark opens here and is closed "
                    f"{count_of(suspect.more, 'line')} below, and these lines look like rows of "
                    'their own; double the mark ("") and enclose the whole text in quotation '
                    "marks, if it belongs to it."
                )


def _tab_layout(path: Path, layout: Layout, notes: LoadingNotes) -> Layout:
    """Whether the quotation marks of a file with tabs enclose cells or belong to the texts.

    Most such files are written without quoting. They are taken to be quoted if their lines alone
    do not fit the header and quoting makes them fit, if a column is quoted in every row, or if
    just those cells are quoted that must be.
    """
    width = marked = needed = 0
    whole = fits = True
    always: list[bool] = []
    for _, cells in _records(path, replace(layout, quoted=False)):
        if not any(cells):
            continue
        if not width:
            width, always = len(cells), [True] * len(cells)
            continue
        fits = fits and (len(cells) == width or (not any(cells[width:]) and len(cells) > width))
        for position, cell in enumerate(cells[:width]):
            if not cell.startswith('"') or len(cell) < 2:
                always[position] = False
                whole = whole and not cell.startswith('"')
                continue
            marked += 1
            whole = whole and _QUOTED.fullmatch(cell) is not None
            needed += '""' in cell[1:-1]
    plain = replace(layout, quoted=False)
    if fits:
        if marked and whole and (any(always) or needed == marked):
            return layout
        if marked or not whole:
            notes.tell(
                f"{path.name}: the quotation marks at the beginning of cells are taken as part of "
                "the texts, and each line as a row."
            )
        return plain
    file_notes = LoadingNotes()
    try:
        _check_records(path, layout, file_notes)
        if any(len(cells) not in (0, width) for _, cells in _records(path, layout)):
            return plain
    except UsageError:
        # The message names the row that does not fit by its line in the file.
        return plain
    notes.sentences += file_notes.sentences
    return layout
