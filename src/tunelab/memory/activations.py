"""Formulas of what a step keeps from its forward pass for its backward pass.

An operation keeps what its gradient is made of: a product keeps its factors, a norm its input, a
linear layer its input if its weight is trained and only the (frozen) weight if not. So a method
that trains less keeps less, but never nothing: gradients pass through every block on their way
to whatever is trained.

Source of the way of counting: Korthikanti et al., Reducing Activation Recomputation in Large
Transformer Models, 2022, https://arxiv.org/abs/2205.05198.
"""

from typing import Any

from tunelab.memory.dimensions import Dimensions
from tunelab.memory.settings import BYTES, StepSettings
from tunelab.memory.terms import Term
from tunelab.methods.targets import target_kinds

# Linear layers that read the same input, and the symbol of its size.
_READERS = (
    (("q_proj", "k_proj", "v_proj", "qkv_proj"), "h"),
    (("o_proj",), "q"),
    (("gate_proj", "up_proj", "gate_up_proj"), "h"),
    (("down_proj",), "m"),
)


def block_terms(at: Dimensions, method: str, chosen: Any, settings: StepSettings) -> list[Term]:
    """What one block keeps; ``method``: its name, ``chosen``: its settings.

    Of a family that is not known in detail: what its linear layers and norms keep.
    """
    tokens = layer_tokens(method, chosen, settings)
    if not at.alike:
        return [
            *_norms(at, method, settings, tokens),
            *_unknown_linears(at, method, chosen, settings, tokens),
        ]
    return [
        *_norms(at, method, settings, tokens),
        *_linears(at, method, chosen, settings, tokens),
        *_attention(at, chosen, settings),
        *_mlp(at, settings, tokens),
    ]


def layer_tokens(method: str, chosen: Any, settings: StepSettings) -> int:
    """T: tokens that the layers run. Those of prefix tuning stand in attention alone."""
    if method == "prefix_tuning":
        return settings.tokens
    return rows_tokens(chosen, settings)[0]


def rows_tokens(chosen: Any, settings: StepSettings) -> tuple[int, int, int]:
    """The tokens of attention; P, those that rows share; R, what a row sees.

    Virtual tokens of a soft prompt are shared by packed rows and stand before each padded one.
    """
    virtual = int(getattr(chosen, "virtual_tokens", 0))
    shared = settings.prefix + virtual if settings.packed else 0
    own = settings.run + (0 if settings.packed else virtual)
    return shared + settings.batch * own, shared, shared + own


def _norms(at: Dimensions, method: str, settings: StepSettings, run: int) -> list[Term]:
    tokens = ("T", run)
    # Models square in float32; the fused form, in float32 as well, keeps the input alone.
    again = 2 if method == "full" and not settings.fused else 1
    terms = [
        Term(
            "activations",
            "inputs of norms" if again == 1 else "inputs and normed inputs of norms",
            (("norms", at.norms * again), tokens, ("h", at.h), ("4 bytes", 4)),
        )
    ]
    if at.head_norms:
        size = ("(q + k)", at.q + at.k)
        terms.append(Term("activations", "inputs of heads' norms", (tokens, size, ("4 bytes", 4))))
    return terms


def _linears(
    at: Dimensions, method: str, chosen: Any, settings: StepSettings, run: int
) -> list[Term]:
    kept = _kept_inputs(at, method, chosen)
    # PEFT casts what meets IA3's vectors to their float32.
    each = 4 if method == "ia3" else BYTES[settings.precision]
    tokens, size = ("T", run), ("bytes", each)
    # In 16 bits each layer casts its input for itself; else those that read it share it.
    dropout = float(getattr(chosen, "dropout", 0))
    own_copies = settings.precision != "float32" or dropout
    terms = []
    for readers, symbol in _READERS:
        present = [kind for kind in readers if kind in kept]
        if not present:
            continue
        copies = len(present) if own_copies else 1
        if dropout:
            # What is left of the input, and which of it.
            copies *= 2
        factors = (("copies", copies), tokens, (symbol, getattr(at, symbol)), size)
        terms.append(Term("activations", f"input of {', '.join(present)}", factors))
    outputs = _kept_outputs(at, method, chosen, settings)
    if outputs:
        terms.append(
            Term("activations", "outputs that are scaled", (tokens, ("Σ out", outputs), size))
        )
    if method in LOW_RANK and (not settings.merges or chosen.dropout):
        kinds = target_kinds(at.shape.kinds, chosen.targets)
        factors = (tokens, ("r", chosen.r), ("layers adapted", len(kinds)), size)
        terms.append(Term("activations", "A x of the low-rank layers", factors))
    return terms


def _unknown_linears(
    at: Dimensions, method: str, chosen: Any, settings: StepSettings, run: int
) -> list[Term]:
    """Of a block that is not known in detail, the mean: what each layer answers is kept by what
    comes behind it, and what a layer that is trained or scaled reads is kept by itself.
    """
    tokens, size = ("T", run), ("bytes", BYTES[settings.precision])
    kept = _kept_inputs(at, method, chosen)
    outputs = sum(layer.outputs for layer in at.shape.linears) / at.layers
    inputs = sum(layer.inputs for layer in at.shape.linears if layer.kind in kept) / at.layers
    terms = [Term("activations", "outputs of linear layers", (tokens, ("Σ out", outputs), size))]
    if inputs:
        read = (tokens, ("Σ in", inputs), size)
        terms.append(Term("activations", "inputs of linear layers that are adapted", read))
    return terms


LOW_RANK = ("lora", "rslora", "dora")


def _kept_inputs(at: Dimensions, method: str, chosen: Any) -> set[str]:
    if method == "full":
        return set(at.shape.kinds)
    if method in LOW_RANK:
        return set(target_kinds(at.shape.kinds, chosen.targets))
    if method == "ia3":
        return set(target_kinds(at.shape.kinds, chosen.feedforward))
    return set()


def _kept_outputs(at: Dimensions, method: str, chosen: Any, settings: StepSettings) -> int:
    """Numbers of a token's outputs that are kept, as they meet a trained vector."""
    if method == "ia3":
        kinds = set(target_kinds(at.shape.kinds, chosen.targets))
        kinds -= set(target_kinds(at.shape.kinds, chosen.feedforward))
        times = 1
    elif method == "dora":
        kinds = set(target_kinds(at.shape.kinds, chosen.targets))
        times = 1 if settings.fused and not chosen.dropout else 2
    else:
        return 0
    outputs = {layer.kind: layer.outputs for layer in at.shape.linears}
    return times * sum(outputs[kind] for kind in kinds)


def _attention(at: Dimensions, chosen: Any, settings: StepSettings) -> list[Term]:
    tokens, shared, reach = rows_tokens(chosen, settings)
    size = ("bytes", BYTES[settings.precision])
    rows, own = settings.batch, reach - shared
    cells = ("B · S", rows * own)
    if settings.fused and settings.packed and reach <= 2 * at.head:
        terms = [
            Term("activations", "queries", (("T", tokens), ("q", at.q), size)),
            Term("activations", "keys and values", (cells, ("2 k", 2 * at.k), size)),
            Term(
                "activations",
                "attention probabilities",
                (("heads", at.heads), cells, ("R", reach), size),
            ),
        ]
    else:
        # Where a mask goes along, keys and values are repeated for every query head.
        masked = not settings.packed and rows > 1
        width = ("2 q", 2 * at.q) if masked else ("2 k", 2 * at.k)
        terms = [
            Term("activations", "queries and output", (("T", tokens), ("2 q", 2 * at.q), size)),
            Term("activations", "keys and values", (cells, width, size)),
            Term("activations", "log-sums", (("heads", at.heads), cells, ("4 bytes", 4))),
        ]
    if shared:
        before = (("(B + 1) · P", (rows + 1) * shared), ("2 k", 2 * at.k), size)
        terms.append(Term("cache", "keys and values of the prefix, before every row", before))
    return terms


def _mlp(at: Dimensions, settings: StepSettings, run: int) -> list[Term]:
    kept = ("2 m", 2 * at.m) if settings.fused else ("3 m", 3 * at.m)
    what = "gate and up" if settings.fused else "gate, its activation, and up"
    size = ("bytes", BYTES[settings.precision])
    return [Term("activations", what, (("T", run), kept, size))]
