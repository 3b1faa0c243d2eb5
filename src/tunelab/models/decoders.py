"""Shapes of decoders of the Llama kind, from the values of their configuration alone.

Neither torch nor transformers is needed: the families here have the same blocks, attention and a
gated MLP, and differ in which linear layers are fused, in their norms and in their biases. A test
holds each shape against the model that transformers builds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.models.description import OTHER_CACHES, PLAIN_ATTENTION, LinearLayer, ModelShape

_SIZES = (
    *("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads"),
    *("num_key_value_heads", "vocab_size", "max_position_embeddings"),
)
# Whatever has one of these is built by transformers instead.
_SPECIAL = (
    *OTHER_CACHES,
    *("attention_bias", "mlp_bias", "use_bidirectional_attention", "quantization_config"),
    *("text_config", "pruned_heads"),
)


@dataclass(frozen=True)
class _Family:
    """``norms`` of the hidden size in each block, and ``head_norms`` of a head's.

    ``tied``: of a configuration that does not say. ``required``: keys without which the family has
    sizes of its own.
    """

    norms: int = 2
    head_norms: int = 0
    fused: bool = False
    biases: bool = False
    tied: bool = False
    required: tuple[str, ...] = ()
    window_is_optional: bool = False


_FAMILIES: Mapping[str, _Family] = {
    "llama": _Family(),
    "mistral": _Family(required=("sliding_window",)),
    "qwen2": _Family(biases=True, window_is_optional=True),
    "qwen3": _Family(head_norms=2, required=("head_dim",), window_is_optional=True),
    "gemma3_text": _Family(
        norms=4, head_norms=2, tied=True, required=("head_dim", "sliding_window")
    ),
    "phi3": _Family(fused=True, required=("pad_token_id",)),
}


def decoder_shape(values: Mapping[str, Any]) -> ModelShape | None:
    """The shape of a model whose config.json holds ``values``.

    None where it is of another family, or has what the families here have not by themselves.
    """
    family = _FAMILIES.get(str(values.get("model_type")))
    if family is None or not _is_plain(values, family):
        return None
    layers, hidden, inner, heads, key_heads, vocabulary, context = (values[key] for key in _SIZES)
    head = values.get("head_dim") or hidden // heads
    query, key = heads * head, key_heads * head
    linears = tuple(_linears(family, layers, hidden, inner, query, key))
    tied = bool(values.get("tie_word_embeddings", family.tied))
    norms = [hidden] * (family.norms * layers + 1) + [head] * (family.head_norms * layers)
    window = values.get("sliding_window")
    if family.window_is_optional and not values.get("use_sliding_window"):
        window = None
    return ModelShape(
        family=str(values["model_type"]),
        parameters=sum(
            (
                sum(layer.inputs * layer.outputs for layer in linears),
                vocabulary * hidden * (1 if tied else 2),
                sum(norms),
                layers * (query + 2 * key) if family.biases else 0,
            )
        ),
        layers=layers,
        hidden=hidden,
        vocabulary=vocabulary,
        context=context,
        window=window,
        cache=(key_heads, head),
        linears=linears,
        inner=inner,
        heads=heads,
        key_heads=key_heads,
        head_size=head,
        tied=tied,
        norms=sum(size == hidden for size in norms) // layers,
        head_norms=sum(size == head for size in norms) // layers,
        llama_kind=True,
    )


def _is_plain(values: Mapping[str, Any], family: _Family) -> bool:
    """Whether the configuration has all sizes, as such a model has them, and nothing special."""
    if any(not _is_size(values.get(key)) for key in _SIZES):
        return False
    if any(key not in values for key in family.required) or any(map(values.get, _SPECIAL)):
        return False
    optional = [values.get(key) for key in ("head_dim", "sliding_window")]
    kinds = values.get("layer_types") or list(PLAIN_ATTENTION)
    padding = values.get("pad_token_id")
    return (
        all(value is None or _is_size(value) for value in optional)
        and isinstance(kinds, list)
        and all(kind in PLAIN_ATTENTION for kind in kinds)
        and values["hidden_size"] % values["num_attention_heads"] == 0
        and values["num_attention_heads"] % values["num_key_value_heads"] == 0
        and (padding is None or (type(padding) is int and 0 <= padding < values["vocab_size"]))
    )


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _linears(
    family: _Family, layers: int, hidden: int, inner: int, query: int, key: int
) -> Iterator[LinearLayer]:
    """The linear layers of all blocks, in the order of the model's modules."""
    if family.fused:
        block = [
            ("self_attn.o_proj", query, hidden),
            ("self_attn.qkv_proj", hidden, query + 2 * key),
            ("mlp.gate_up_proj", hidden, 2 * inner),
            ("mlp.down_proj", inner, hidden),
        ]
    else:
        block = [
            ("self_attn.q_proj", hidden, query),
            ("self_attn.k_proj", hidden, key),
            ("self_attn.v_proj", hidden, key),
            ("self_attn.o_proj", query, hidden),
            ("mlp.gate_proj", hidden, inner),
            ("mlp.up_proj", hidden, inner),
            ("mlp.down_proj", inner, hidden),
        ]
    for number in range(layers):
        for name, inputs, outputs in block:
            full = f"model.layers.{number}.{name}"
            yield LinearLayer(full, inputs, outputs, kind=name.rpartition(".")[2])
