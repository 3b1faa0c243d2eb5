"""Tiny random models of every causal family that transformers knows, made from their own defaults.

A family's configuration is asked for its sizes, and each that has a known name is made small. What
a family wants besides stands in ``_OWN``.
"""

import os
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

VOCABULARY = 600

_SIZES: dict[str, int] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim", "embedding_size"), 32),
    **dict.fromkeys(("word_embed_proj_dim", "hidden_size_per_layer_input"), 32),
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_dim", "decoder_ffn_dim"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "d_inner", "ffn_hidden_size", "d_ff", "dff"), 64),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_blocks"), 2),
    **dict.fromkeys(("decoder_layers", "encoder_layers", "depth"), 2),
    **dict.fromkeys(("num_decoder_layers", "num_encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_topk"), 2),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "sliding_window"), 256),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("qk_nope_head_dim", "v_head_dim", "head_dim", "state_size"), 8),
    "qk_rope_head_dim": 8,
    "rotary_dim": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_HEAD = {"head_dim": 8, "num_key_value_heads": 2}
_MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8}
_OWN: dict[str, dict[str, Any]] = {
    "bamba": _MAMBA,
    "falcon_h1": _MAMBA | {"mamba_d_ssm": 64},
    "granitemoehybrid": _MAMBA,
    "mamba": {"time_step_rank": 8},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "hunyuan_v1_dense": _HEAD,
    "hunyuan_v1_moe": _HEAD,
    "ministral": _HEAD,
    "reformer": {"is_decoder": True},
    "zaya": {"num_experts_per_tok": 1},
}


def families() -> list[str]:
    """The names of all causal families, sorted."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def tiny_config(family: str, **sizes: int) -> Any:
    """The configuration of a tiny model of a family; raises whatever its class does.

    ``sizes``: others than the usual ones, by the names of ``_SIZES``, where the family has them.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return _tiny(CONFIG_MAPPING[family], _OWN.get(family, {}), sizes)


def _tiny(cls: Any, own: dict[str, Any], sizes: dict[str, int]) -> Any:
    default = cls()
    values: dict[str, Any] = {}
    for name, part in getattr(cls, "sub_configs", {}).items():
        # A part that may be of any family keeps its own.
        if hasattr(part, "model_type") and part.model_type:
            values[name] = _tiny(part, {}, sizes).to_dict()
    for name, size in (_SIZES | sizes).items():
        if name in own or not _is_field(default, name):
            continue
        values[name] = size
    return cls(**values | own)


def _is_field(default: Any, name: str) -> bool:
    """Whether a configuration has a size of that name, which it may be given."""
    if isinstance(getattr(type(default), name, None), property):
        return False
    try:
        value = getattr(default, name, None)
    except Exception:
        return False
    return type(value) is int or (value is None and name.endswith("_token_id"))


def tiny_model(family: str) -> Any:
    """A tiny random model of a family, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(tiny_config(family)).eval()
