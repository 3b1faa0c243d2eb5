"""What stands around the text in every prompt: token ids far from it, and plain text beside it."""

import re
from dataclasses import dataclass
from typing import Any

from tunelab.prompts.encoding import Encoder
from tunelab.prompts.rendering import Piece
from tunelab.prompts.tokens import control_tokens, encode_pieces, leading_tokens

_LETTER = "x"


@dataclass(frozen=True)
class Frame:
    """``before`` and ``after`` are the ids up to and from the nearest control tokens.

    ``left`` and ``right`` are the characters between those and the text, which a tokenizer may join
    with it. ``strip``: whether the template takes the blanks from the ends of the text.
    """

    before: tuple[int, ...]
    left: str
    right: str
    after: tuple[int, ...]
    strip: bool

    def ids(self, tokenizer: Any, text: str) -> list[int]:
        """The ids of a prompt, by a tokenizer that reads control tokens as text."""
        content = self.left + (text.strip() if self.strip else text) + self.right
        found = tokenizer.encode(content, add_special_tokens=False).ids
        return [*self.before, *found, *self.after]


def frame_of(encoder: Encoder) -> Frame:
    """What an encoder puts around each text; texts that have their own examples have no frame."""
    tokenizer = encoder.tokenizer
    controls = sorted(control_tokens(tokenizer), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, controls)) or r"(?!)")
    pieces = encoder.pieces(_LETTER)
    at = max(position for position, piece in enumerate(pieces) if piece.data)
    before, left = _cut_behind_last(pieces[:at], pattern)
    right, after = _cut_before_first(pieces[at + 1 :], pattern)
    first = leading_tokens(tokenizer) if encoder.format.style == "plain" else []
    stripped = encoder.pieces(f" {_LETTER} ")[at].text == _LETTER
    return Frame(
        before=(*first, *encode_pieces(tokenizer, before)),
        left=left,
        right=right,
        after=tuple(encode_pieces(tokenizer, after)),
        strip=stripped,
    )


def _cut_behind_last(pieces: list[Piece], pattern: re.Pattern[str]) -> tuple[list[Piece], str]:
    """The pieces up to the end of the last control token, and the characters behind it."""
    for position in range(len(pieces) - 1, -1, -1):
        piece = pieces[position]
        ends = [] if piece.data else [match.end() for match in pattern.finditer(piece.text)]
        if ends:
            kept = [*pieces[:position], Piece(piece.text[: ends[-1]], False)]
            rest = [Piece(piece.text[ends[-1] :], False), *pieces[position + 1 :]]
            return kept, "".join(one.text for one in rest)
    return [], "".join(piece.text for piece in pieces)


def _cut_before_first(pieces: list[Piece], pattern: re.Pattern[str]) -> tuple[str, list[Piece]]:
    """The characters before the first control token, and the pieces from it on."""
    for position, piece in enumerate(pieces):
        match = None if piece.data else pattern.search(piece.text)
        if match:
            start = match.start()
            head = "".join(one.text for one in pieces[:position]) + piece.text[:start]
            return head, [Piece(piece.text[start:], False), *pieces[position + 1 :]]
    return "".join(piece.text for piece in pieces), []
