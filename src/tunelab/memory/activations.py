"""Formulas of what a step keeps from its forward pass for its backward pass.

An operation keeps what its gradient is made of: a product keeps its factors, a norm its input, a
linear layer its input if its weight is trained and only the (frozen) weight if not. So a method
that trains less keeps less, but never nothing: gradients pass through every block on their way
to whatever is trained.

Source of the way of counting: Korthikanti et al., Reducing Activation Recomputation in Large
Transformer Models, 2022, https://arxiv.org/abs/2205.05198.
"""

from typing import Any

from tunelab.memory.settings import BYTES, StepSettings
from tunelab.memory.terms import Term
from tunelab.methods.contract import Kept, Method
from tunelab.models.description import ModelShape

# Linear layers that read the same input, and the symbol of its size.
_READERS = (
    (("q_proj", "k_proj", "v_proj", "qkv_proj"), "h"),
    (("o_proj",), "q"),
    (("gate_proj", "up_proj", "gate_up_proj"), "h"),
    (("down_proj",), "m"),
)


def block_terms(
    shape: ModelShape, method: Method[Any], method_settings: Any, settings: StepSettings
) -> list[Term]:
    """What one block keeps; ``method_settings``: the method's settings.

    Of a family that is not known in detail: what its linear layers and norms keep.
    """
    tokens = layer_tokens(method, method_settings, settings)
    kept = method.kept(shape.kinds, method_settings, settings.fused)
    norms = _norms(shape, method, settings, tokens)
    if not shape.llama_kind:
        return [*norms, *_unknown_linears(shape, kept, settings, tokens)]
    return [
        *norms,
        *_linears(shape, kept, settings, tokens),
        *_attention(shape, rows_tokens(method, method_settings, settings), settings),
        *_mlp(shape, settings, tokens),
    ]


def layer_tokens(method: Method[Any], method_settings: Any, settings: StepSettings) -> int:
    """T: tokens that the layers run. Some virtual ones are in attention alone."""
    if method.virtual_in_attention_alone:
        return settings.tokens
    return rows_tokens(method, method_settings, settings)[0]


def rows_tokens(
    method: Method[Any], method_settings: Any, settings: StepSettings
) -> tuple[int, int, int]:
    """The tokens of attention; P, those that rows share; R, what a row sees.

    Virtual tokens of a soft prompt are shared by packed rows and stand before each padded one.
    """
    virtual = method.virtual_tokens(method_settings)
    shared = settings.prefix + virtual if settings.packed else 0
    own = settings.run + (0 if settings.packed else virtual)
    return shared + settings.batch * own, shared, shared + own


def merged(kept: Kept, settings: StepSettings) -> bool:
    """Whether low-rank products are merged into copies of the weights in this step."""
    return bool(kept.rank) and settings.merges and not kept.dropout


def _norms(shape: ModelShape, method: Method[Any], settings: StepSettings, run: int) -> list[Term]:
    tokens = ("T", run)
    # Models square in float32; the fused form, in float32 as well, keeps the input alone.
    again = 2 if method.trains_all_weights and not settings.fused else 1
    terms = [
        Term(
            "activations",
            "inputs of norms" if again == 1 else "inputs and normed inputs of norms",
            (("norms", shape.norms * again), tokens, ("h", shape.hidden), ("4 bytes", 4)),
        )
    ]
    if shape.head_norms:
        size = ("(q + k)", shape.query_width + shape.key_width)
        terms.append(Term("activations", "inputs of heads' norms", (tokens, size, ("4 bytes", 4))))
    return terms


def _linears(shape: ModelShape, kept: Kept, settings: StepSettings, run: int) -> list[Term]:
    each = 4 if kept.float32 else BYTES[settings.precision]
    tokens, size = ("T", run), ("bytes", each)
    widths = {"h": shape.hidden, "q": shape.query_width, "m": shape.inner}
    # In 16 bits each layer casts its input for itself; else those that read it share it.
    own_copies = settings.precision != "float32" or kept.dropout
    terms = []
    for readers, symbol in _READERS:
        present = [kind for kind in readers if kind in kept.inputs]
        if not present:
            continue
        copies = len(present) if own_copies else 1
        if kept.dropout:
            # What is left of the input, and which of it.
            copies *= 2
        factors = (("copies", copies), tokens, (symbol, widths[symbol]), size)
        terms.append(Term("activations", f"input of {', '.join(present)}", factors))
    widths = {layer.kind: layer.outputs for layer in shape.linears}
    outputs = sum(times * widths[kind] for kind, times in kept.outputs.items())
    if outputs:
        terms.append(
            Term("activations", "outputs that are scaled", (tokens, ("Σ out", outputs), size))
        )
    if kept.rank and not merged(kept, settings):
        factors = (tokens, ("r", kept.rank), ("layers adapted", len(kept.inputs)), size)
        terms.append(Term("activations", "A x of the low-rank layers", factors))
    return terms


def _unknown_linears(shape: ModelShape, kept: Kept, settings: StepSettings, run: int) -> list[Term]:
    """The mean of blocks that are not known in detail.

    Each layer's output is kept by the layer after it, and the input of a layer that is trained or
    scaled by the layer itself.
    """
    tokens, size = ("T", run), ("bytes", BYTES[settings.precision])
    outputs = sum(layer.outputs for layer in shape.linears) / shape.layers
    inputs = sum(layer.inputs for layer in shape.of_kinds(kept.inputs)) / shape.layers
    terms = [Term("activations", "outputs of linear layers", (tokens, ("Σ out", outputs), size))]
    if inputs:
        read = (tokens, ("Σ in", inputs), size)
        terms.append(Term("activations", "inputs of linear layers that are adapted", read))
    return terms


def _attention(
    shape: ModelShape, row_tokens: tuple[int, int, int], settings: StepSettings
) -> list[Term]:
    """``row_tokens``: as of :func:`rows_tokens`."""
    tokens, shared, reach = row_tokens
    q, k = shape.query_width, shape.key_width
    size = ("bytes", BYTES[settings.precision])
    rows, own = settings.batch, reach - shared
    cells = ("B · S", rows * own)
    if settings.fused and settings.packed and reach <= 2 * shape.head_size:
        terms = [
            Term("activations", "queries", (("T", tokens), ("q", q), size)),
            Term("activations", "keys and values", (cells, ("2 k", 2 * k), size)),
            Term(
                "activations",
                "attention probabilities",
                (("heads", shape.heads), cells, ("R", reach), size),
            ),
        ]
    else:
        # Where a mask goes along, keys and values are repeated for every query head.
        masked = not settings.packed and rows > 1
        width = ("2 q", 2 * q) if masked else ("2 k", 2 * k)
        terms = [
            Term("activations", "queries and output", (("T", tokens), ("2 q", 2 * q), size)),
            Term("activations", "keys and values", (cells, width, size)),
            Term("activations", "log-sums", (("heads", shape.heads), cells, ("4 bytes", 4))),
        ]
    if shared:
        before = (("(B + 1) · P", (rows + 1) * shared), ("2 k", 2 * k), size)
        terms.append(Term("cache", "keys and values of the prefix, before every row", before))
    return terms


def _mlp(shape: ModelShape, settings: StepSettings, run: int) -> list[Term]:
    kept = ("2 m", 2 * shape.inner) if settings.fused else ("3 m", 3 * shape.inner)
    what = "gate and up" if settings.fused else "gate, its activation, and up"
    size = ("bytes", BYTES[settings.precision])
    return [Term("activations", what, (("T", run), kept, size))]
