"""Print a table: for people, or as JSON, CSV or Markdown on standard output."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.numbers import number
from tunelab.spreadsheet import csv_cell
from tunelab.visible_text import visible

_FILE_WIDTH = 132


def print_table(
    rows: Sequence[Mapping[str, Any]], format: str, *, title: str = "", value: Any = None
) -> None:
    """Print rows that have the same keys.

    With ``json``, ``value`` is printed instead of the rows if it is given: it may hold more than
    a table can.
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
        _rich_table(rows, title)


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


def _rich_table(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(visible(title)) if title else None, title_justify="left")
    for key, value in (rows[0] if rows else {}).items():
        numeric = isinstance(value, int | float)
        table.add_column(
            Text(visible(key.replace("_", " "))), justify="right" if numeric else "left"
        )
    for row in rows:
        table.add_row(*(Text(show(cell)) for cell in row.values()))
    console = Console()
    # Without a terminal Rich takes 80 columns, which breaks a table that a file could hold.
    (console if console.is_terminal else Console(width=_FILE_WIDTH)).print(table)
