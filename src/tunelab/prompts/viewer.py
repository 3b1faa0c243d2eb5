"""The mask viewer: rows token by token, with what is trained."""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tunelab.prompts.encoding import IGNORED, EncodedExample
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.prompts.tokens import control_tokens

if TYPE_CHECKING:
    from rich.text import Text

_BYTES = re.compile("(<[0-9A-F]{2}>)+")
# A byte as SentencePiece writes it: <0xE2>.
_FALLBACK = re.compile("<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class TokenView:
    """One token as a person can read it."""

    id: int
    text: str
    trained: bool
    control: bool


@dataclass(frozen=True)
class RowView:
    """One row: its tokens, what stands right before the answer, and what is trained."""

    tokens: tuple[TokenView, ...]
    header: str
    answer: str
    cut_characters: int

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Piece:
    """What is shown of a token, or of several tokens that hold one character together."""

    ids: tuple[int, ...]
    text: str
    trained: bool
    control: bool


@dataclass(frozen=True)
class ReadingLine:
    """The pieces up to a line break, and the direction that the line is read in."""

    pieces: tuple[Piece, ...]
    right_to_left: bool


@dataclass(frozen=True)
class LengthReport:
    """What truncation, padding and max_length do to rows. Shares are from 0 to 1."""

    rows: int
    max_length: int
    longest: int
    median: int
    share_cut: float
    padding_in_batches: float
    padding_by_length: float
    padding_to_max_length: float
    trained_share: float
    shared_prefix: int


def view_row(tokenizer: Any, row: EncodedExample) -> RowView:
    """Show a row. Bytes that are half a character are written as ``<E2>``."""
    controls = set(control_tokens(tokenizer).values())
    tokens = tuple(
        TokenView(number, token_text(tokenizer, number), label != IGNORED, number in controls)
        for number, label in zip(row.ids, row.labels, strict=True)
    )
    prompt = tokens[: row.prompt_length]
    starts = [position for position, token in enumerate(prompt) if token.control]
    header = prompt[starts[-1] if starts else max(0, len(prompt) - 3) :]
    return RowView(
        tokens=tokens,
        header="".join(token.text for token in header),
        answer="".join(token.text for token in tokens if token.trained),
        cut_characters=row.cut,
    )


def reading_lines(view: RowView) -> list[ReadingLine]:
    """A row as it is read: whole characters, and each line in its own direction.

    Tokens that are bytes of one character are shown as that character. A line runs from right to
    left if most of its letters do; control tokens do not count. A line break stands at the end of
    its line.
    """
    lines: list[list[Piece]] = [[]]
    for piece in _whole_characters(view.tokens):
        for part in re.findall(r"[^\n]*\n+|[^\n]+", piece.text):
            lines[-1].append(replace(piece, text=part))
            if part.endswith("\n"):
                lines.append([])
    return [ReadingLine(tuple(line), _runs_right_to_left(line)) for line in lines if line]


def _whole_characters(tokens: Sequence[TokenView]) -> Iterator[Piece]:
    waiting: list[TokenView] = []
    for token in tokens:
        if waiting and (not _is_bytes(token) or token.trained != waiting[0].trained):
            yield from map(_single_piece, waiting)
            waiting = []
        if not _is_bytes(token):
            yield _single_piece(token)
            continue
        waiting.append(token)
        written = "".join(each.text for each in waiting)
        content = bytes.fromhex(written.replace("<", "").replace(">", ""))
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield Piece(tuple(each.id for each in waiting), text, token.trained, control=False)
        waiting = []
    yield from map(_single_piece, waiting)


def _single_piece(token: TokenView) -> Piece:
    return Piece((token.id,), token.text, token.trained, token.control)


def _is_bytes(token: TokenView) -> bool:
    return not token.control and _BYTES.fullmatch(token.text) is not None


def _runs_right_to_left(pieces: Sequence[Piece]) -> bool:
    """By the number of letters in each direction, since a template's words stand before a text."""
    directions = [
        unicodedata.bidirectional(character)
        for piece in pieces
        if not piece.control
        for character in piece.text
    ]
    leftwards = sum(direction in ("R", "AL") for direction in directions)
    return leftwards > directions.count("L")


def token_text(tokenizer: Any, number: int) -> str:
    """A token's text, or its bytes as ``<E2><80>`` where they are no whole character."""
    piece = tokenizer.convert_ids_to_tokens(number)
    if piece is None:
        # Many models have more rows of embeddings than their tokenizer has tokens.
        return ""
    text = str(tokenizer.decode([number]))
    if "�" not in text:
        # A SentencePiece tokenizer drops the space that a piece begins with.
        return " " + text if piece.startswith("▁") and not text.startswith(" ") else text
    fallback = _FALLBACK.fullmatch(piece)
    if fallback:
        return f"<{fallback[1]}>"
    table = _byte_of_character()
    if all(character in table for character in piece):
        return "".join(f"<{table[character]:02X}>" for character in piece)
    return str(piece)


def draw_row(view: RowView) -> "Text":
    """The row for a terminal: trained tokens green, control tokens blue."""
    from rich.text import Text

    line = Text()
    for token in view.tokens:
        style = "bold black on green" if token.trained else "blue" if token.control else "dim"
        line.append(token.text.replace("\n", "⏎\n"), style=style)
        line.append("│", style="bright_black")
    return line


def measure_lengths(
    rows: Sequence[EncodedExample], *, max_length: int, batch_size: int
) -> LengthReport:
    """Count what is cut and padded, for batches in row order and for batches of like length."""
    lengths = [len(row.ids) for row in rows]
    return LengthReport(
        rows=len(rows),
        max_length=max_length,
        longest=max(lengths),
        median=sorted(lengths)[len(lengths) // 2],
        share_cut=sum(row.cut > 0 for row in rows) / len(rows),
        padding_in_batches=_padding(lengths, batch_size),
        padding_by_length=_padding(sorted(lengths), batch_size),
        padding_to_max_length=1 - sum(lengths) / (max_length * len(lengths)),
        trained_share=sum(label != IGNORED for row in rows for label in row.labels) / sum(lengths),
        shared_prefix=common_prefix([row.ids for row in rows], [row.prompt_length for row in rows]),
    )


def _padding(lengths: Sequence[int], batch_size: int) -> float:
    batches = math.ceil(len(lengths) / batch_size)
    groups = [lengths[i * batch_size : (i + 1) * batch_size] for i in range(batches)]
    return 1 - sum(lengths) / sum(max(group) * len(group) for group in groups)


def _byte_of_character() -> dict[str, int]:
    """The alphabet of byte-level BPE (GPT-2): a printable character for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + position): byte for position, byte in enumerate(others)})
    return table
