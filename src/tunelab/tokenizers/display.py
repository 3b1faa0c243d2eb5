"""A cut text in a terminal: coloured pieces, from right to left where the script runs so."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunelab.tokenizers.direction import runs_right_to_left, visible
from tunelab.tokenizers.pieces import BYTES, SPECIAL, UNKNOWN

if TYPE_CHECKING:
    from rich.text import Text

# Neighbours differ in their background, which also shows where a piece ends without colours.
_BACKGROUNDS = ("on #cfe8ff", "on #ffe3c2", "on #d5f2d0", "on #f3d9ec")
_STYLES = {SPECIAL: "bold blue", UNKNOWN: "bold white on red", BYTES: "black on #d0d0d0"}
_ISOLATE_RIGHT_TO_LEFT, _END_OF_ISOLATE = "\u2067", "\u2069"


def draw_pieces(result: Mapping[str, Any], text: str, *, width: int) -> "list[Text]":
    """Lines of the pieces of one entry of :func:`tunelab.tokenizers.compare.compare_text`.

    Lines break between pieces. Those of a text that runs from right to left are in an isolate of
    that direction and at the right margin; a terminal that knows bidirectional text orders the
    pieces so, and others show them in the order of reading.
    """
    from rich.text import Text

    lines = _lines(result["pieces"], result["kinds"], width - 2)
    if not runs_right_to_left(text):
        return lines
    return [
        Text.assemble(
            " " * max(0, width - line.cell_len), _ISOLATE_RIGHT_TO_LEFT, line, _END_OF_ISOLATE
        )
        for line in lines
    ]


def _lines(pieces: Sequence[str], kinds: Sequence[str], width: int) -> "list[Text]":
    from rich.cells import cell_len
    from rich.text import Text

    lines = [Text()]
    colour = 0
    for piece, kind in zip(pieces, kinds, strict=True):
        style = _STYLES.get(kind)
        if style is None:
            style = f"black {_BACKGROUNDS[colour % len(_BACKGROUNDS)]}"
            colour += 1
        shown = visible(piece)
        if lines[-1].cell_len and lines[-1].cell_len + cell_len(shown) + 1 > width:
            lines.append(Text())
        lines[-1].append(shown, style=style)
        lines[-1].append("│", style="bright_black")
    return lines
