"""HTML of the pages. All values are escaped here, and nowhere else."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


class Markup(str):
    """A string of HTML that this module made of escaped parts."""

    __slots__ = ()


def text(value: Any) -> Markup:
    """A value as HTML: markup is kept, anything else is escaped; None is a dash."""
    if isinstance(value, Markup):
        return value
    return Markup("–" if value is None else escape(str(value)))


def tag(name: str, *children: Any, **attributes: Any) -> Markup:
    """An element. ``class_`` is the class; an attribute that is None or False is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[Any]) -> Markup:
    """The parts, joined."""
    return Markup("".join(text(part) for part in parts))


def table(rows: Sequence[Mapping[str, Any]], *, caption: str) -> Markup:
    """Rows with the same keys; numbers stand at the right, and a wide table scrolls by itself."""
    if not rows:
        return Markup("")
    numeric = {key for key in rows[0] if any(_is_number(row[key]) for row in rows)}
    heads = [
        tag("th", tag("bdi", key.replace("_", " ")), scope="col", class_=_class(key in numeric))
        for key in rows[0]
    ]
    body = [
        tag(
            "tr",
            *(
                _cell(value, key in numeric, first=key == next(iter(row)))
                for key, value in row.items()
            ),
        )
        for row in rows
    ]
    whole = tag(
        "table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *body)
    )
    return tag("div", whole, class_="tl-table", tabindex="0", role="region", aria_label=caption)


def notice(message: str, kind: str = "problem") -> Markup:
    """A highlighted sentence: ``problem``, ``note`` or ``done``."""
    role = "alert" if kind == "problem" else "status"
    return tag("div", message, class_=f"tl-notice tl-{kind}", role=role)


def link(address: str, words: str) -> Markup:
    """A link that opens in a new tab, without access to this page."""
    return tag("a", words, href=address, target="_blank", rel="noopener noreferrer")


def share_bar(label: Any, share: float, shown: str, *, strong: bool = False) -> Markup:
    """A line with a bar whose length is ``share``, from 0 to 1."""
    width = f"{100 * min(max(share, 0.0), 1.0):.2f}%"
    fill = tag("span", class_="tl-fill", style=f"width:{width}")
    return tag(
        "div",
        tag("span", tag("bdi", label), class_="tl-name"),
        tag("span", fill, class_="tl-track", aria_hidden="true"),
        tag("span", shown, class_="tl-value"),
        class_="tl-bar tl-strong" if strong else "tl-bar",
    )


def number(value: Any) -> str:
    """A number for people."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.3f}"
    return str(value)


def _cell(value: Any, numeric: bool, *, first: bool) -> Markup:
    shown = value if isinstance(value, Markup) else number(value)
    # A text takes its own direction; a table is not turned by it.
    direction = "auto" if isinstance(value, str) and not isinstance(value, Markup) else None
    if first:
        return tag("th", shown, scope="row", class_=_class(numeric), dir=direction)
    return tag("td", shown, class_=_class(numeric), dir=direction)


def _class(numeric: bool) -> str | None:
    return "tl-number" if numeric else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
