"""Read a SentencePiece model file: a protocol buffer with pieces, scores and kinds.

Source: `sentencepiece_model.proto` of the SentencePiece project; the encoding is that of
protocol buffers (https://protobuf.dev/programming-guides/encoding/).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


@dataclass(frozen=True)
class Piece:
    """One entry of the vocabulary; its id is its index in the file."""

    text: str
    score: float
    kind: int


def read_pieces(content: bytes) -> list[Piece]:
    """The pieces of a model file, in the order of their ids.

    Raises:
        ValueError: the content is no such file.
    """
    pieces = [_piece(value) for field, value in _fields(content) if field == 1]
    if not pieces:
        raise ValueError("not a SentencePiece model: it holds no pieces")
    return pieces


def _piece(content: int | bytes) -> Piece:
    text, score, kind = "", 0.0, NORMAL
    if isinstance(content, int):
        raise ValueError("not a SentencePiece model: a piece is a number")
    for field, value in _fields(content):
        if field == 1 and isinstance(value, bytes):
            text = value.decode("utf-8")
        elif field == 2 and isinstance(value, bytes):
            score = struct.unpack("<f", value)[0]
        elif field == 3 and isinstance(value, int):
            kind = value
    return Piece(text, score, kind)


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field of a message."""
    position = 0
    try:
        while position < len(content):
            key, position = _varint(content, position)
            field, wire = key >> 3, key & 7
            if wire == _VARINT:
                number, position = _varint(content, position)
                yield field, number
                continue
            length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(wire)
            if wire == _LENGTH:
                length, position = _varint(content, position)
            if length is None or position + length > len(content):
                raise ValueError("not a SentencePiece model: it is cut short or damaged")
            yield field, content[position : position + length]
            position += length
    except IndexError:
        raise ValueError("not a SentencePiece model: it is cut short") from None


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
