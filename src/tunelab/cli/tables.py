"""Print a table: for people, or as JSON, CSV or Markdown on standard output."""

import csv
import io
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tunelab.cli.table_layout import Column, column_of, lay_out
from tunelab.guards.spreadsheet import csv_cell
from tunelab.guards.visible_text import visible
from tunelab.numbers import number

# Wider than any table; Rich needs a number.
_FILE = 1_000_000
_NARROWEST = 20


def print_table(
    rows: Sequence[Mapping[str, Any]],
    format: str,
    *,
    title: str = "",
    value: Any = None,
    first_out: Sequence[str] = (),
    vital: Collection[str] = (),
    blocks: bool = False,
) -> None:
    """Print rows that have the same keys.

    With ``json``, ``value`` is printed instead of the rows if it is given: it may hold more than
    a table can.

    For people, a table is as wide as the window: columns that do not fit are left out and named,
    those of ``first_out`` before all others; where those of ``vital`` (by default the first two
    others) do not fit, every row is written as lines of its own. With ``blocks`` what does not
    fit follows in a further table, which is for columns of one kind, as tokenizers side by side.
    A file or a pipe gets every column.
    """
    if format == "json":
        print(json.dumps(rows if value is None else value, indent=1, ensure_ascii=False))
    elif format == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([csv_cell(key) for key in rows[0]] if rows else [])
        writer.writerows([csv_cell(cell) for cell in row.values()] for row in rows)
        sys.stdout.write(buffer.getvalue())
    elif format == "markdown":
        print(_markdown(rows))
    else:
        _rich_table(rows, title, first_out=first_out, vital=vital, blocks=blocks)


def print_sentence(sentence: str) -> None:
    """Print a sentence for people, broken between words where the window ends."""
    from rich.console import Console
    from rich.text import Text

    width = _width()
    console = Console(width=_FILE if width is None else width)
    console.print(Text(visible(sentence)))


def show(value: Any) -> str:
    """A cell as people read it; what is undefined is a dash."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return number(value)
    return visible(str(value))


def _markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[show(cell) for cell in row.values()] for row in rows]
    return "\n".join(
        "| " + " | ".join(_markdown_cell(cell) for cell in line) + " |" for line in lines
    )


def _markdown_cell(text: str) -> str:
    for sign, shown in (("\\", "\\\\"), ("|", "\\|"), ("\n", " "), ("<", "&lt;")):
        text = text.replace(sign, shown)
    return text


def _rich_table(rows: Sequence[Mapping[str, Any]], title: str, **fitting: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    width = _width()
    # Rich takes 80 columns for a file, which breaks a table that the file could hold.
    console = Console(width=_FILE if width is None else width)
    if title:
        console.print(Text(visible(title), style="italic"))
    keys = list(rows[0]) if rows else []
    columns = [
        column_of(key, visible(key.replace("_", " ")), [_shown(row[key]) for row in rows])
        for key in keys
    ]
    layout = lay_out(columns, width, **fitting)
    if layout.upright:
        print("\n".join(_upright(columns, console)))
    else:
        numeric = {key for key in keys if _is_numeric(rows, key)}
        for block in layout.blocks:
            console.print(_level(block, numeric))
    if layout.left_out:
        console.print(
            Text(
                f"Left out, as the window is {width} columns wide: {', '.join(layout.left_out)}. "
                "All columns: --format json, a wider window, or the output in a file."
            )
        )


def _shown(cell: Any) -> str:
    # A tab has no width of its own.
    return show(cell).expandtabs(4)


def _width() -> int | None:
    """The columns of the window, or None for a file or a pipe; COLUMNS decides where it is set."""
    from rich.console import Console

    console = Console()
    named = os.environ.get("COLUMNS", "")
    if console.is_terminal or (named.isdecimal() and int(named) > 0):
        return max(console.width, _NARROWEST)
    return None


def _is_numeric(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    cells = [row[key] for row in rows if row[key] is not None]
    return bool(cells) and all(isinstance(cell, int | float) for cell in cells)


def _level(block: Sequence[tuple[Column, int]], numeric: Collection[str]) -> Any:
    """Print each row as a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column, width in block:
        table.add_column(
            Text(column.heading),
            justify="right" if column.key in numeric else "left",
            width=width,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column, _ in block), strict=True):
        table.add_row(*map(Text, cells))
    return table


def _upright(columns: Sequence[Column], console: Any) -> Iterator[str]:
    """Print each cell as a line after its heading, or below it in a narrow window."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    headings = max((cell_len(column.heading) for column in columns), default=0) + 2
    beside = all(headings + column.least <= console.width for column in columns)
    indent = headings if beside else 2
    for row, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
        if row:
            yield ""
        for column, cell in zip(columns, cells, strict=True):
            # A name that is wider than the window is left to the window to break.
            room = max(console.width - indent, column.least)
            lines = [line.plain.rstrip() for line in Text(cell).wrap(console, room)] or [""]
            if beside:
                yield set_cell_size(column.heading, headings) + lines.pop(0)
            else:
                yield column.heading
            yield from (" " * indent + line for line in lines)
