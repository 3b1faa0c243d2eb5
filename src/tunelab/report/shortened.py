"""Names, lists and texts that are short enough for a figure or a page."""

from collections.abc import Iterable, Sequence

# Characters of a name in a figure, names in a caption, and characters of a text on a page.
NAME = 40
LISTED = 12
TEXT = 600


def short_names(names: Iterable[object], limit: int = NAME) -> dict[str, str]:
    """A name of at most ``limit`` characters for each name, no two of them alike.

    A long name keeps its beginning and its end; where two become alike, a number tells them apart.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    whole = list(dict.fromkeys(map(str, names)))
    taken.update(name for name in whole if len(name) <= limit)
    for name in whole:
        short = name
        if len(name) > limit:
            end = limit // 4
            short = f"{name[: limit - end - 1].rstrip()}…{name[-end:].lstrip()}"
            number = 1
            while short in taken:
                number += 1
                tail = f"… ({number})"
                short = name[: limit - len(tail)].rstrip() + tail
            taken.add(short)
        found[name] = short
    return found


def listed(parts: Sequence[str], limit: int = LISTED, joint: str = ", ") -> str:
    """The first parts, and how many more there are."""
    shown = joint.join(parts[:limit])
    return shown if len(parts) <= limit else f"{shown}{joint}and {len(parts) - limit} more"


def excerpt(text: object, limit: int = TEXT) -> str:
    """The beginning of a long text, and how long it is."""
    whole = str(text)
    if len(whole) <= limit:
        return whole
    return f"{whole[:limit].rstrip()} … ({len(whole):,} characters)"
