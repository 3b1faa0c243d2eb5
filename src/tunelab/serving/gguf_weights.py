"""The weights and sizes of a language model as llama.cpp reads them from a GGUF file."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

# Types of a file, and those of its matrices. Vectors stay in float32, and the embeddings, from
# which the logits are made, in 8 bits at least.
TYPES: Mapping[str, str] = {
    "f16": "F16",
    "q8_0": "Q8_0",
    "q4_0": "Q4_0",
    "q4_1": "Q4_1",
    "f32": "F32",
}
# Gemma 3 of this many layers has a scale of its own in llama.cpp.
_LAYERS_OF_27B = 62
_FOUR_BITS = ("q4_0", "q4_1")


@dataclass(frozen=True)
class Family:
    """A family of models. ``architecture``: its name in ``gguf.MODEL_ARCH``.

    ``pairs``: whether rotary position embeddings turn neighbours, and not halves, so that the rows
    of the query and key projections change places. ``offset``: what norms add to their weights.
    """

    architecture: str
    pairs: bool = False
    offset: float = 0.0


FAMILIES: Mapping[str, Family] = {
    "llama": Family("LLAMA", pairs=True),
    "mistral": Family("LLAMA", pairs=True),
    "phi3": Family("PHI3"),
    "gemma3_text": Family("GEMMA3", offset=1.0),
    "qwen2": Family("QWEN2"),
    "qwen3": Family("QWEN3"),
}


def family_of(config: Any) -> Family:
    """The family of a model by its configuration.

    Raises:
        UsageError: it is not among those that can be written, or scales positions in a way that
            cannot.
    """
    name = str(config.model_type)
    if name not in FAMILIES:
        raise UsageError(
            f"models of the family {name} cannot be written as GGUF here; those of "
            f"{', '.join(FAMILIES)} can"
        )
    kind = _rotary(config).get("rope_type", "default")
    if kind not in ("default", "linear", "llama3"):
        raise UsageError(f"its positions are scaled by {kind}, which is not written as GGUF here")
    return FAMILIES[name]


def write_sizes(writer: Any, config: Any, family: Family) -> None:
    """Write the sizes of a model."""
    heads = int(config.num_attention_heads)
    head = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    rotary = _rotary(config)
    writer.add_context_length(int(config.max_position_embeddings))
    writer.add_embedding_length(int(config.hidden_size))
    writer.add_block_count(int(config.num_hidden_layers))
    writer.add_feed_forward_length(int(config.intermediate_size))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.num_key_value_heads))
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(float(config.rms_norm_eps))
    writer.add_vocab_size(int(config.vocab_size))
    writer.add_rope_freq_base(float(rotary.get("rope_theta", 10_000.0)))
    writer.add_rope_dimension_count(int(head * float(rotary.get("partial_rotary_factor", 1.0))))
    if rotary.get("rope_type") == "linear":
        from gguf import RopeScalingType

        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rotary["factor"]))
    if family.architecture in ("GEMMA3", "PHI3") and config.sliding_window:
        writer.add_sliding_window(int(config.sliding_window))
    if family.architecture == "PHI3":
        writer.add_rope_scaling_orig_ctx_len(int(config.max_position_embeddings))


def tensors(model: Any, family: Family, type: str) -> "Iterator[tuple[str, np.ndarray, Any]]":
    """Name, content as it is written, and type of each tensor of a model.

    Raises:
        UsageError: a weight has no place in the file.
    """
    import gguf
    import numpy as np

    config = model.config
    names = gguf.get_tensor_name_map(
        gguf.MODEL_ARCH[family.architecture], int(config.num_hidden_layers)
    )
    tied = bool(config.tie_word_embeddings)
    for name, weight in model.state_dict().items():
        if name.endswith("rotary_emb.inv_freq") or (tied and name == "lm_head.weight"):
            continue
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None:
            raise UsageError(f"its weight {name} has no place in a GGUF file of its family")
        values = weight.detach().float().cpu().numpy()
        if family.pairs and name.endswith(("q_proj.weight", "k_proj.weight")):
            kind = "num_attention_heads" if "q_proj" in name else "num_key_value_heads"
            values = _in_pairs(values, int(getattr(config, kind)))
        if values.ndim == 1:
            offset = family.offset if name.endswith("norm.weight") else 0.0
            values = values + np.float32(offset)
            if name.endswith("q_norm.weight"):
                values = values * np.float32(_query_scale(config))
            yield written, np.ascontiguousarray(values), None
            continue
        yield written, *_typed(values, _type_of(written, values.shape[-1], type))
    factors = _frequency_factors(config)
    if factors is not None:
        yield "rope_freqs.weight", factors, None


def _typed(values: "np.ndarray", kind: Any) -> "tuple[np.ndarray, Any]":
    import gguf
    import numpy as np

    return gguf.quants.quantize(np.ascontiguousarray(values), kind), kind


def _type_of(name: str, width: int, type: str) -> Any:
    """The type of a matrix; one whose rows are no whole blocks is kept in 16 bits."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    whole = name.startswith(("token_embd", "output"))
    kind = GGMLQuantizationType[TYPES["q8_0" if whole and type in _FOUR_BITS else type]]
    block, _ = GGML_QUANT_SIZES[kind]
    return GGMLQuantizationType.F16 if width % block else kind


def _in_pairs(values: "np.ndarray", heads: int) -> "np.ndarray":
    """Rows of a projection with the halves of each head interleaved."""
    split = values.reshape(heads, 2, values.shape[0] // heads // 2, values.shape[1])
    return split.swapaxes(1, 2).reshape(values.shape)


def _query_scale(config: Any) -> float:
    """What llama.cpp, which scales by the size of a head, does not know of a model's own scale."""
    own = getattr(config, "query_pre_attn_scalar", None)
    if own is None or int(config.num_hidden_layers) == _LAYERS_OF_27B:
        return 1.0
    return math.sqrt(float(config.head_dim) / float(own))


def _rotary(config: Any) -> Mapping[str, Any]:
    """The parameters of the rotary embeddings, of the layers that see all tokens."""
    found: Mapping[str, Any] = getattr(config, "rope_parameters", None) or {}
    whole = found.get("full_attention")
    return whole if isinstance(whole, Mapping) else found


def _frequency_factors(config: Any) -> "np.ndarray | None":
    """What Llama 3 divides its frequencies by (Dubey et al., The Llama 3 Herd of Models, 2024)."""
    import numpy as np

    rotary = _rotary(config)
    if rotary.get("rope_type") != "llama3":
        return None
    head = int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    factor, low, high = (
        float(rotary[key]) for key in ("factor", "low_freq_factor", "high_freq_factor")
    )
    old = float(rotary["original_max_position_embeddings"])
    found = []
    for at in range(0, head, 2):
        length = 2 * math.pi * float(rotary["rope_theta"]) ** (at / head)
        smooth = (old / length - low) / (high - low)
        share = min(1.0, max(0.0, smooth))
        found.append(1.0 / ((1 - share) / factor + share))
    return np.array(found, dtype=np.float32)
