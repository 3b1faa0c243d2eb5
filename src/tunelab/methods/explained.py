"""What a method's own docstring says of it, cut into what a page shows in different ways."""

import re
from dataclasses import dataclass

from tunelab.methods.contract import find_method

_SOURCE = re.compile(r"^Sources?: ")


@dataclass(frozen=True)
class Explanation:
    """``title`` is the first sentence, without its name; ``blocks`` are paragraphs and formulas.

    A block is a formula where ``True`` stands beside it; its lines are kept, those of a paragraph
    are joined. ``source`` names the paper, ``url`` leads to it.
    """

    name: str
    known_as: str
    title: str
    blocks: tuple[tuple[bool, str], ...]
    source: str
    url: str


def explain(name: str) -> Explanation:
    """The explanation that stands at the head of a method's file.

    Raises:
        UsageError: there is no method of that name.
    """
    head, *rest = find_method(name).explanation.strip().split("\n\n")
    known_as, colon, title = " ".join(head.split()).partition(": ")
    if not colon:
        known_as, title = name, known_as
    blocks, source = [], ""
    for part in rest:
        lines = part.splitlines()
        if all(line.startswith("    ") for line in lines):
            blocks.append((True, "\n".join(line.removeprefix("    ") for line in lines)))
        elif _SOURCE.match(part):
            source = " ".join(part.split())
        else:
            blocks.append((False, " ".join(part.split())))
    paper, _, url = source.partition("https://")
    return Explanation(
        name=name,
        known_as=known_as,
        title=title,
        blocks=tuple(blocks),
        source=_SOURCE.sub("", paper).rstrip(" ,."),
        url=f"https://{url}".rstrip(".") if url else "",
    )
