"""Which way a text runs, and how its invisible characters are shown."""

import unicodedata

_SHOWN = {" ": "·", "\n": "⏎", "\r": "␍", "\t": "⇥"}
_DOTTED_CIRCLE = "◌"


def runs_right_to_left(text: str) -> bool:
    """Whether the first character with a direction runs from right to left.

    Source: Unicode Standard Annex 9, rules P2 and P3.
    """
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def visible(piece: str) -> str:
    """A piece with nothing in it that cannot be seen, and nothing that a terminal obeys.

    Spaces are middle dots; joiners, control characters and other spaces are their code points; a
    mark that stands on no letter stands on a dotted circle.
    """
    shown = [_SHOWN.get(character) or _visible(character) for character in piece]
    alone = piece[:1] and unicodedata.category(piece[0]) in ("Mn", "Me")
    return (_DOTTED_CIRCLE if alone else "") + "".join(shown)


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind[0] in "CZ":
        return f"⟨{ord(character):04X}⟩"
    return character
