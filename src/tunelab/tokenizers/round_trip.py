"""What a text loses on its way through a tokenizer and back."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tunelab.tokenizers.loading import FastTokenizer

_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class RoundTrip:
    """``exact``: the text comes back code point by code point.

    ``lost`` counts what does not: ``case`` (capital letters), ``accents`` (combining marks),
    ``joiners`` (U+200C, U+200D), ``form`` (characters that came back in another normal form),
    ``spaces`` (white space lost or added), ``unknown`` (unknown tokens) and ``other`` characters.
    """

    exact: bool
    text: str
    lost: dict[str, int]


def round_trip(tokenizer: FastTokenizer, text: str) -> RoundTrip:
    """Encode a text, decode its ids, and name the differences."""
    ids = tokenizer.backend.encode(text, add_special_tokens=False).ids
    back = tokenizer.backend.decode(ids, skip_special_tokens=False)
    unknown = 0 if tokenizer.unknown is None else ids.count(tokenizer.unknown)
    return RoundTrip(back == text, back, {} if back == text else _lost(text, back, unknown))


def add_up(trips: Iterable[RoundTrip]) -> tuple[int, dict[str, int]]:
    """How many came back whole, and what the others lost together."""
    whole, lost = 0, Counter[str]()
    for trip in trips:
        whole += trip.exact
        lost.update(trip.lost)
    return whole, dict(lost)


def _lost(text: str, back: str, unknown: int) -> dict[str, int]:
    found = {
        "case": _missing(_capitals(text), _capitals(back)),
        "accents": _missing(_marks(text), _marks(back)),
        "joiners": _missing(filter(_JOINERS.__contains__, text), back),
        "form": _other_form(text, back),
        "spaces": _difference(filter(str.isspace, text), filter(str.isspace, back)),
        "unknown": unknown,
        "other": _missing(_plain(text), _plain(back)),
    }
    return {name: count for name, count in found.items() if count}


def _missing(expected: Iterable[str], found: Iterable[str]) -> int:
    return (Counter(expected) - Counter(found)).total()


def _difference(expected: Iterable[str], found: Iterable[str]) -> int:
    left, right = Counter(expected), Counter(found)
    return max((left - right).total(), (right - left).total())


def _capitals(text: str) -> list[str]:
    return [character for character in text if character != character.lower()]


def _marks(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFD", text)
    return [character for character in decomposed if unicodedata.category(character) == "Mn"]


def _other_form(text: str, back: str) -> int:
    """Characters that are missing, but not once both texts are in form NFKC."""
    missing = _missing(text, back)
    same = _missing(unicodedata.normalize("NFKC", text), unicodedata.normalize("NFKC", back))
    return missing if same == 0 else 0


def _plain(text: str) -> list[str]:
    """Characters without what the other counts name: case, marks, joiners, white space, form."""
    decomposed = unicodedata.normalize("NFKD", text).lower()
    decomposed = unicodedata.normalize("NFKD", decomposed)
    return [
        character
        for character in decomposed
        if not character.isspace()
        and character not in _JOINERS
        and unicodedata.category(character) != "Mn"
    ]
