"""What two vocabularies share: their pieces as the bytes that they stand for."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

from tunelab.tokenizers.byte_alphabet import from_alphabet
from tunelab.tokenizers.loading import FastTokenizer

_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE_MARK = "▁"


def as_bytes(tokenizer: FastTokenizer) -> frozenset[bytes]:
    """The pieces as bytes of text, control tokens left out.

    A piece that begins a word begins with a space, whichever way its vocabulary writes that: with
    ``Ġ`` or ``▁`` before it, or, in WordPiece, with no ``##`` before it.
    """
    pieces = set[bytes]()
    for token, number in tokenizer.backend.get_vocab(with_added_tokens=True).items():
        if number in tokenizer.special or number == tokenizer.unknown:
            continue
        pieces.add(_as_bytes(tokenizer, token, number))
    return frozenset(pieces)


def _as_bytes(tokenizer: FastTokenizer, token: str, number: int) -> bytes:
    if tokenizer.byte_level and number not in tokenizer.added:
        return from_alphabet(token) or token.encode("utf-8")
    byte = _BYTE_PIECE.fullmatch(token) if tokenizer.byte_fallback else None
    if byte:
        return bytes([int(byte[1], 16)])
    if tokenizer.continuing:
        inner = token.startswith(tokenizer.continuing)
        return (token.removeprefix(tokenizer.continuing) if inner else f" {token}").encode("utf-8")
    return token.replace(_SPACE_MARK, " ").encode("utf-8")


def overlaps(tokenizers: Sequence[FastTokenizer]) -> list[dict[str, Any]]:
    """Every two vocabularies: pieces in both, over those in either (Jaccard) and of the smaller."""
    pieces = {tokenizer.name: as_bytes(tokenizer) for tokenizer in tokenizers}
    found = []
    for left, right in combinations_with_replacement(pieces, 2):
        shared = len(pieces[left] & pieces[right])
        found.append(
            {
                "left": left,
                "right": right,
                "shared": shared,
                "jaccard": shared / len(pieces[left] | pieces[right]),
                "of_smaller": shared / min(len(pieces[left]), len(pieces[right])),
            }
        )
    return found


def scripts(tokenizer: FastTokenizer) -> dict[str, int]:
    """Pieces by the script of their first letter (LATIN, ARABIC, …), most frequent first.

    Pieces without a letter, or with half a character before one, count as ``none``.
    """
    counts = Counter(_script(piece) for piece in as_bytes(tokenizer))
    return dict(counts.most_common())


def _script(piece: bytes) -> str:
    for character in piece.decode("utf-8", "replace"):
        if character.isalpha():
            return unicodedata.name(character, "none").split()[0]
    return "none"
