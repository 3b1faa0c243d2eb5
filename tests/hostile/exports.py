"""What is written for others to open: tables, pages, cards, the terminal."""

import contextlib
import csv
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hostile.cases import Case, harmless
from tunelab.app.markup import link, table, tag
from tunelab.cli.main import main
from tunelab.cli.tables import print_table
from tunelab.guards.spreadsheet import csv_cell
from tunelab.report.build import _address
from tunelab.serving.inert_markdown import inert, one_line, plain_name

_HTML = "<img src=x onerror=alert(1)>"


def _printed(format: str, *cells: Any, key: str = "a") -> Callable[[Path], str]:
    def give(_: Path) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            print_table([{key: cell} for cell in cells], format, title="[/x] a title")
        return out.getvalue()

    return give


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def _second_row_is(text: str, out: str) -> bool:
    return _rows(out)[1] == [text]


def _told(*words: str) -> Callable[[Path], tuple[int, str]]:
    def give(_: Path) -> tuple[int, str]:
        with contextlib.redirect_stderr(io.StringIO()) as told:
            code = main(list(words))
        return code, told.getvalue()

    return give


def _one_line(found: tuple[int, str]) -> bool:
    code, told = found
    steering = any(sign in told for sign in "\x1b\x00\x07\x9b\u202e\u2066\r")
    return code == 2 and told.count("\n") == 1 and len(told) < 2_100 and not steering


def _formula(text: str) -> Case:
    return harmless(
        f"a cell that begins with {text[0]!r}",
        lambda out: _rows(out)[1] == [f"'{text}"],
        _printed("csv", text),
    )


_NUMBERS = ("-0.5", "+3", "-1e-5", "12")

CASES: list[Case] = [
    *map(
        _formula,
        ("=1+1", "+cmd|' /c calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1", "＋1", "－1", "＠x"),
    ),
    harmless(
        "a cell that begins with a return", lambda cell: cell == "'\r=1", lambda _: csv_cell("\r=1")
    ),
    harmless(
        "a cell that begins with a line end",
        lambda cell: cell == "'\n=1",
        lambda _: csv_cell("\n=1"),
    ),
    harmless(
        "a heading that is a formula",
        lambda out: _rows(out)[0] == ["'=1"],
        _printed("csv", 1, key="=1"),
    ),
    *(
        harmless(
            f"the number {text} stays one",
            partial(_second_row_is, text),
            _printed("csv", text),
        )
        for text in _NUMBERS
    ),
    harmless("a number stays one", lambda out: _rows(out)[1] == ["-0.5"], _printed("csv", -0.5)),
    harmless(
        "a cell with quotation marks and lines",
        lambda out: _rows(out)[1] == ['a",\n"=1'],
        _printed("csv", 'a",\n"=1'),
    ),
    harmless("a bar in Markdown", lambda out: r"a\|b" in out, _printed("markdown", "a|b")),
    harmless(
        "a bar behind a backslash", lambda out: r"a\\\|b" in out, _printed("markdown", "a\\|b")
    ),
    harmless("HTML in Markdown", lambda out: "<" not in out, _printed("markdown", _HTML)),
    harmless(
        "a line end in Markdown", lambda out: out.count("\n") == 3, _printed("markdown", "a\n| b")
    ),
    harmless("an escape in a table", lambda out: "\x1b" not in out, _printed("table", "\x1b[2Jx")),
    harmless(
        "an escape in a heading",
        lambda out: "\x1b" not in out,
        _printed("table", 1, key="\x1b[2Jx"),
    ),
    harmless(
        "marks of a terminal's library in a table",
        lambda out: "[/x]" in out,
        _printed("table", "[/x][red]"),
    ),
    harmless(
        "a text that turns the line, in a table",
        lambda out: "\u202e" not in out,
        _printed("table", "\u202eabc"),
    ),
    harmless("an escape in JSON", lambda out: "\x1b" not in out, _printed("json", "\x1b[2Jx")),
    harmless("an escape in a wrong call", _one_line, _told("report", "\x1b[2J\x07nonsense")),
    harmless("a line end in a wrong call", _one_line, _told("report", "a\nb\rc")),
    harmless(
        "a text that turns the line, in a wrong call", _one_line, _told("report", "\u202eabc")
    ),
    harmless("a wrong call of 100,000 letters", _one_line, _told("report", "a" * 100_000)),
    harmless("half a character in a wrong call", _one_line, _told("report", "\udcff\udcfe")),
    harmless(
        "HTML in a page's table",
        lambda page: "<img" not in page,
        lambda _: table([{_HTML: _HTML}], caption=_HTML),
    ),
    harmless(
        "HTML in an attribute",
        lambda page: page.count('"') == 2 and "<img" not in page,
        lambda _: tag("a", "x", href='"' + _HTML),
    ),
    harmless(
        "HTML in a link's words", lambda page: "<img" not in page, lambda _: link("/x", _HTML)
    ),
    harmless(
        "an address that is a script",
        lambda url: url == "",
        lambda _: _address("javascript:alert(1)"),
    ),
    harmless(
        "an address that is data",
        lambda url: url == "",
        lambda _: _address("data:text/html,<script>"),
    ),
    harmless("an address", lambda url: url == "https://a.b/c", lambda _: _address("https://a.b/c")),
    harmless("HTML in a card", lambda text: "<" not in text, lambda _: inert(_HTML)),
    harmless(
        "a link in a card",
        lambda text: text.startswith("\\[a\\]") and "://" not in text,
        lambda _: inert("[a](http://b.c)"),
    ),
    harmless("a heading in a card", lambda text: "\n" not in text, lambda _: inert("a\n# b")),
    harmless(
        "the end of a card's metadata",
        lambda text: "\n" not in text,
        lambda _: one_line("a\n---\nlicense: mit"),
    ),
    harmless(
        "a text that turns the line, in a card",
        lambda text: "\u202e" not in text,
        lambda _: inert("\u202eabc"),
    ),
    harmless(
        "a name in a card's metadata",
        lambda text: text == "img src=x onerror=alert(1)",
        lambda _: plain_name(_HTML),
    ),
    harmless(
        "a template in a card",
        lambda text: "{{" not in text or "7" not in text,
        lambda _: inert("{{ 3 + 4 }}"),
    ),
]
