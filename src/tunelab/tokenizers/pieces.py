"""Cut a text, and show each piece as a person can read it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.tokenizers.byte_alphabet import from_alphabet
from tunelab.tokenizers.loading import FastTokenizer

TEXT, SPECIAL, UNKNOWN, BYTES = "text", "special", "unknown", "bytes"
_SPACE_MARK = "▁"
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Cut:
    """A text as one tokenizer cuts it; the four lists have one entry for each id.

    ``spans`` are the first and last + 1 character in the text that a piece stands for; tokens
    that share a character, as bytes of one do, share its span, and a piece that stands for no
    character has an empty one. ``kinds`` are ``text``, ``special`` (a control token that the
    model wants around a text), ``unknown``, or ``bytes``: a byte that is a token of its own, or a
    piece that holds a part of a character.
    """

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    kinds: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """How many tokens the text itself takes, without control tokens."""
        return sum(kind != SPECIAL for kind in self.kinds)

    def of_text(self) -> list[tuple[int, tuple[int, int], str]]:
        """Id, span and kind of every token but the control tokens."""
        rows = zip(self.ids, self.spans, self.kinds, strict=True)
        return [row for row in rows if row[2] != SPECIAL]


def cut(tokenizer: FastTokenizer, text: str) -> Cut:
    """The ids of a text, control tokens included, with pieces, spans and kinds.

    Raises:
        ValueError: the text holds half a surrogate pair, which is no character.
    """
    check_text(text)
    return _read(tokenizer, tokenizer.backend.encode(text), text)


def cut_all(tokenizer: FastTokenizer, texts: Sequence[str]) -> list[Cut]:
    """Each text cut on its own."""
    for text in texts:
        check_text(text)
    encodings = tokenizer.backend.encode_batch(list(texts))
    return [_read(tokenizer, one, text) for one, text in zip(encodings, texts, strict=True)]


def check_text(text: str) -> None:
    """Refuse what cannot be written as UTF-8.

    Raises:
        ValueError: it holds half a surrogate pair.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is half a surrogate pair") from None


def _read(tokenizer: FastTokenizer, encoding: Any, text: str) -> Cut:
    mask = encoding.special_tokens_mask
    read = [_piece(tokenizer, number, token) for number, token in _pairs(encoding)]
    kinds = tuple(
        SPECIAL if special else kind for special, (_, kind) in zip(mask, read, strict=True)
    )
    return Cut(
        ids=tuple(encoding.ids),
        pieces=tuple(piece for piece, _ in read),
        spans=_spans(tokenizer, encoding, kinds, text),
        kinds=kinds,
    )


def _pairs(encoding: Any) -> list[tuple[int, str]]:
    return list(zip(encoding.ids, encoding.tokens, strict=True))


def _piece(tokenizer: FastTokenizer, number: int, token: str) -> tuple[str, str]:
    """The piece to show, and its kind."""
    if number == tokenizer.unknown:
        return token, UNKNOWN
    if tokenizer.byte_level and number not in tokenizer.added:
        bare = token.removeprefix(tokenizer.continuing or "")
        content = from_alphabet(bare)
        if content is None:
            return token, TEXT
        shown = show_bytes(content)
        return shown, TEXT if shown == content.decode("utf-8", "replace") else BYTES
    byte = _BYTE_PIECE.fullmatch(token) if tokenizer.byte_fallback else None
    if byte:
        return show_bytes(bytes([int(byte[1], 16)])), BYTES
    return (token if tokenizer.continuing else token.replace(_SPACE_MARK, " ")), TEXT


def show_bytes(content: bytes) -> str:
    """UTF-8 as text; a byte that belongs to no whole character is written as ``<E2>``."""
    decoded = content.decode("utf-8", "surrogateescape")
    return "".join(
        f"<{ord(character) - 0xDC00:02X}>" if 0xDC80 <= ord(character) <= 0xDCFF else character
        for character in decoded
    )


def _spans(
    tokenizer: FastTokenizer, encoding: Any, kinds: Sequence[str], text: str
) -> tuple[tuple[int, int], ...]:
    spans = [(int(first), int(last)) for first, last in encoding.offsets]
    positions = [position for position, kind in enumerate(kinds) if kind != SPECIAL]
    end = len(text)
    for position, kind in enumerate(kinds):
        if kind == SPECIAL:
            # Before the text at its start, behind it at its end.
            spans[position] = (0, 0) if not positions or position < positions[0] else (end, end)
    # The space that a tokenizer puts before a text claims the first character.
    if positions and encoding.tokens[positions[0]] == _SPACE_MARK and _has_prefix(tokenizer, text):
        spans[positions[0]] = (0, 0)
    return tuple(spans)


def _has_prefix(tokenizer: FastTokenizer, text: str) -> bool:
    if tokenizer.prefix == "missing":
        return not text.startswith((" ", _SPACE_MARK))
    return tokenizer.prefix == "always"
