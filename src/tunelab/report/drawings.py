"""Drawings of where each method acts in a model: one block, and what is trained in it.

They are SVG in the ink of the page that holds them; what is trained is filled.
"""

from collections.abc import Callable, Mapping
from html import escape

from tunelab import registry
from tunelab.methods.contract import find_method

_TRAINED = "#D55E00"
_LINEAR = {
    "q": (190, 70),
    "k": (190, 112),
    "v": (190, 154),
    "o": (368, 112),
    "gate": (462, 84),
    "up": (462, 140),
    "down": (588, 112),
}
_WIDTH, _HEIGHT, _SIDE = 690, 250, 28


def draw_method(name: str) -> str:
    """The drawing of a method as an SVG element.

    Raises:
        UsageError: there is no method of that name, or it names a part that is not drawn here.
    """
    method = find_method(name)
    parts = [
        PARTS[registry.check_name("part of a drawing", part, PARTS)]()
        for part in method.drawing.parts
    ]
    model = _model(full=method.trains_all_weights)
    return _frame(method.drawing.words, "".join((model, *parts)))


def _frame(words: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="method-drawing" role="img" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'aria-label="{escape(words)}" font-size="12" font-family="inherit" fill="currentColor" '
        f'stroke="none" text-anchor="middle">{body}</svg>'
    )


def _box(x: float, y: float, w: float, h: float, label: str = "", *, trained: bool = False) -> str:
    look = (
        f'fill="{_TRAINED}" stroke="{_TRAINED}"'
        if trained
        else 'fill="none" stroke="currentColor" stroke-opacity="0.6"'
    )
    text = _text(x + w / 2, y + h / 2 + 4, label, white=trained) if label else ""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="4" {look}/>{text}'


def _text(x: float, y: float, label: str, *, white: bool = False, start: bool = False) -> str:
    colour = ' fill="#fff"' if white else ""
    anchor = ' text-anchor="start"' if start else ""
    return f'<text x="{x}" y="{y}"{colour}{anchor}>{escape(label)}</text>'


def _line(*points: tuple[float, float]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-opacity="0.45" '
        'stroke-width="1.2"/>'
    )


def _model(*, full: bool) -> str:
    """The row's embeddings, one block with its linear layers, and the legend."""
    middle = _SIDE / 2
    tokens = "".join(
        _box(54, 78 + 22 * position, 36, 18, "", trained=full) for position in range(5)
    )
    lines = [
        _line((90, 126), (150, 126), (190, 126)),
        *(
            _line((164, 126), (164, _LINEAR[k][1] + middle), (190, _LINEAR[k][1] + middle))
            for k in "qv"
        ),
        *(_line((218, _LINEAR[k][1] + middle), (276, _LINEAR[k][1] + middle)) for k in "qkv"),
        _line((340, 126), (368, 126)),
        _line((396, 126), (440, 126)),
        *(
            _line((440, 126), (440, _LINEAR[k][1] + middle), (462, _LINEAR[k][1] + middle))
            for k in ("gate", "up")
        ),
        _line((506, 98), (536, 98), (536, 126)),
        _line((506, 154), (536, 154), (536, 126), (588, 126)),
        _line((632, 126), (668, 126)),
    ]
    linear = "".join(
        _box(x, y, 44 if k in ("gate", "up", "down") else _SIDE, _SIDE, k, trained=full)
        for k, (x, y) in _LINEAR.items()
    )
    return "".join(
        (
            *lines,
            _box(136, 34, 512, 178),
            _text(146, 52, "one of the blocks", start=True),
            tokens,
            _text(72, 206, "the row’s"),
            _text(72, 221, "embeddings"),
            _box(276, 62, 64, 128, "attention"),
            linear,
            '<circle cx="536" cy="126" r="8" fill="none" stroke="currentColor"/>',
            _text(536, 130, "·"),
            _text(290, 206, "attention’s projections q, k, v, o"),
            _text(552, 206, "MLP"),
            _box(136, 226, 14, 14, trained=True),
            _text(156, 238, "trained", start=True),
            _box(216, 226, 14, 14),
            _text(236, 238, "frozen" if not full else "without weights", start=True),
        )
    )


def _beside_layers() -> str:
    """A and B under every linear layer."""
    return "".join(
        _box(x - 1, y + _SIDE + 1, 13, 9, trained=True)
        + _box(x + 16, y + _SIDE + 1, 13, 9, trained=True)
        for x, y in _LINEAR.values()
    ) + _text(300, 238, "two thin matrices, A and B, beside each linear layer", start=True)


def _magnitudes() -> str:
    """A trained length for each output, at the layers' upper edge."""
    return "".join(
        _box(x + (44 if k in ("gate", "up", "down") else _SIDE) - 4, y - 5, 8, 8, trained=True)
        for k, (x, y) in _LINEAR.items()
    ) + _text(480, 22, "and the length of each output’s weights (dots above)")


def _scales() -> str:
    """A vector behind k and v, and before down."""
    positions = ((246, 126, "l_k"), (246, 168, "l_v"), (566, 126, "l_ff"))
    return "".join(
        f'<circle cx="{x}" cy="{y}" r="12" fill="{_TRAINED}"/>'
        + f'<text x="{x}" y="{y + 3.5}" font-size="10" fill="#fff">{label}</text>'
        for x, y, label in positions
    ) + _text(300, 238, "vectors that scale keys, values and the MLP’s inside", start=True)


def _virtual_tokens() -> str:
    """Trained embeddings before the row's own."""
    return "".join(
        _box(54, 12 + 22 * position, 36, 18, f"p{position + 1}", trained=True)
        for position in range(3)
    ) + _text(300, 238, "virtual tokens before the row, below the first block", start=True)


def _network() -> str:
    """The network that makes the virtual tokens."""
    made = "".join(
        _line((44, 21 + 22 * position), (54, 21 + 22 * position)) for position in range(3)
    )
    tokens = "".join(
        _box(54, 12 + 22 * position, 36, 18, f"p{position + 1}") for position in range(3)
    )
    return (
        _box(6, 10, 38, 66, "MLP", trained=True)
        + made
        + tokens
        + _text(300, 238, "a network makes the virtual tokens and is then dropped", start=True)
    )


def _prefixes() -> str:
    """Trained keys and values before the row's own, in every block."""
    return (
        _box(232, 86, 36, 18, "P_k", trained=True)
        + _box(232, 138, 36, 18, "P_v", trained=True)
        + _line((268, 95), (276, 95))
        + _line((268, 147), (276, 147))
        + _text(300, 238, "keys and values before the row’s own, in every block", start=True)
    )


PARTS: Mapping[str, Callable[[], str]] = {
    "beside_layers": _beside_layers,
    "magnitudes": _magnitudes,
    "scales": _scales,
    "virtual_tokens": _virtual_tokens,
    "prefixes": _prefixes,
    "network": _network,
}
