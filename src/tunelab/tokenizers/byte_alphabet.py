"""The alphabet of byte-level tokenizers: one printable character for each byte.

Source: Radford et al., Language models are unsupervised multitask learners, 2019 (GPT-2), whose
vocabulary is written so.
"""

from functools import cache


@cache
def character_of_byte() -> tuple[str, ...]:
    """For each byte, 0 to 255, the character that stands for it in a vocabulary."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte if byte in printable else next(others)) for byte in range(256))


@cache
def byte_of_character() -> dict[str, int]:
    """The other way round."""
    return {character: byte for byte, character in enumerate(character_of_byte())}


def to_alphabet(content: bytes) -> str:
    """Bytes as a token of a byte-level vocabulary writes them."""
    table = character_of_byte()
    return "".join(table[byte] for byte in content)


def from_alphabet(token: str) -> bytes | None:
    """The bytes of such a token, or None if it holds a character of another alphabet."""
    table = byte_of_character()
    try:
        return bytes(table[character] for character in token)
    except KeyError:
        return None
