"""Markdown in which text from data stays text: never markup, a link, HTML or a second line."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_MARKS = re.compile(r"([\\`*_\[\]|~$#!])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


class Markdown(str):
    """Text that is Markdown already, and is not escaped again."""

    __slots__ = ()


def one_line(value: Any) -> str:
    """A value as one printable line: control, line-breaking and bidirectional marks become spaces.

    The joiners that Persian and emoji are written with stay.
    """
    bidirectional = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    kept = (
        " "
        if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} or ord(sign) in bidirectional
        else sign
        for sign in str(value)
    )
    return " ".join("".join(kept).split())


def inert(value: Any) -> Markdown:
    """A value as Markdown that shows it as it is, on one line."""
    if isinstance(value, Markdown):
        return value
    text = "".join(_ENTITIES.get(sign, sign) for sign in one_line(value))
    return Markdown(_MARKS.sub(r"\\\1", text).replace("://", "&#58;//"))


def plain_name(value: Any) -> str:
    """A name for metadata: one line without angle brackets, at most 100 characters."""
    return one_line(value).replace("<", "").replace(">", "").strip()[:100] or "unnamed"


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of this package; every value is made inert unless it is Markdown.

    What is missing is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tunelab.serving", "templates"),
        # HTML's escapes would show in Markdown; `inert` does here what they do there.
        autoescape=False,  # noqa: S701
        finalize=inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
