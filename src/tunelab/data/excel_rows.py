"""Rows of an Excel workbook, by openpyxl: an extra that is installed with tunelab[excel]."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.tables import named_rows
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import check_regular

# Bytes that any workbook may become, and times its size that a larger one may.
_FREE = 256_000_000
_TIMES = 100

Row = dict[str, Any]


def read_excel_rows(path: Path, notes: LoadingNotes) -> Iterator[tuple[int, Row]]:
    """Numbers of lines and rows of the first sheet that has a table; formulas give their values.

    Raises:
        UsageError: openpyxl is not installed, or the file is no whole workbook or becomes far
            more than it is.
    """
    try:
        import openpyxl
    except ImportError:
        raise UsageError(
            f"{path} is an Excel file: pip install 'tunelab[excel]' to read it, or save it as "
            "CSV UTF-8."
        ) from None
    _check_size(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        # It raises whatever the broken part raised: zip, XML, key and value errors.
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UsageError(
            f"{path} is not a complete Excel workbook ({reason}); save it again, or as CSV UTF-8."
        ) from None
    try:
        sheet, others = _first_table(book)
        if sheet is None:
            return
        if others:
            notes.tell(f"{path.name}: the sheet {sheet.title!r} is read, and none of the others.")
        yield from named_rows(_records(sheet), path, notes)
    finally:
        book.close()


def _check_size(path: Path) -> None:
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise UsageError(
            f"{path} is not a complete Excel workbook; save it again, or as CSV UTF-8."
        ) from None
    if size > _FREE + _TIMES * path.stat().st_size:
        raise UsageError(
            f"{path} is a small file that becomes far more when it is unpacked, so it is not "
            "read; save it as CSV UTF-8."
        )


def _first_table(book: Any) -> tuple[Any, bool]:
    """The first sheet that has a header and a row, and whether others have cells too.

    Of sheets with one column only, the first: a page of remarks often stands before the table.
    """
    heads = {
        sheet.title: list(sheet.iter_rows(max_row=5, values_only=True)) for sheet in book.worksheets
    }
    filled = [sheet for sheet in book.worksheets if _rows_of(heads[sheet.title], cells=1) >= 1]
    tables = [sheet for sheet in filled if _rows_of(heads[sheet.title], cells=2) >= 2]
    found = next(iter([*tables, *filled]), None)
    return found, len(filled) > 1


def _rows_of(rows: list[tuple[Any, ...]], *, cells: int) -> int:
    """How many of the rows have as many cells, or more."""
    return sum(sum(cell is not None for cell in row) >= cells for row in rows)


def _records(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Numbers of lines and cells; a row that ends early is filled up to the longest before."""
    width = 0
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        width = max(width, len(cells))
        yield number, [*cells, *[None] * (width - len(cells))]
