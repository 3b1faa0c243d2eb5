"""The configurations of the models that tunelab knows, as published."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from tunelab.models.catalog import CATALOG
from tunelab.models.decoders import decoder_shape
from tunelab.models.description import ModelShape
from tunelab.registry import check_name


def _values(
    family: str,
    layers: int,
    hidden: int,
    inner: int,
    heads: tuple[int, int, int],
    vocabulary: int,
    context: int,
    *,
    tied: bool = True,
    **more: Any,
) -> Mapping[str, Any]:
    """``heads``: of queries, of keys, and the size of each."""
    return {
        "model_type": family,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "head_dim": heads[2],
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "tie_word_embeddings": tied,
        **more,
    }


_LLAMA_1B = _values("llama", 16, 2048, 8192, (32, 8, 64), 128_256, 131_072)
_PHI: Mapping[str, Any] = {
    "partial_rotary_factor": 0.75,
    "pad_token_id": 199_999,
    "bos_token_id": 199_999,
    "eos_token_id": 199_999,
}

KNOWN: Mapping[str, Mapping[str, Any]] = {
    "smollm2-135m-instruct": _values("llama", 30, 576, 1536, (9, 3, 64), 49_152, 8192),
    "gemma-3-270m": _values(
        *("gemma3_text", 18, 640, 2048, (4, 1, 256), 262_144, 32_768),
        sliding_window=512,
    ),
    "llama-3.2-1b": _LLAMA_1B,
    "llama-3.2-1b-instruct": _LLAMA_1B,
    "llama-3.2-3b": _values("llama", 28, 3072, 8192, (24, 8, 128), 128_256, 131_072),
    "mistral-7b-v0.1": _values(
        *("mistral", 32, 4096, 14_336, (32, 8, 128), 32_000, 32_768),
        tied=False,
        sliding_window=4096,
    ),
    "phi-4-mini-instruct": _values("phi3", 32, 3072, 8192, (24, 8, 128), 200_064, 131_072, **_PHI),
}
OTHER_NAMES: Mapping[str, str] = {
    "phi-4-mini": "phi-4-mini-instruct",
    "llama-3.2-3b-instruct": "llama-3.2-3b",
    "meta-llama/Llama-3.2-3B": "llama-3.2-3b",
    "meta-llama/Llama-3.2-3B-Instruct": "llama-3.2-3b",
    **{card.location: card.name for card in CATALOG.values() if card.location},
    **{card.published: card.name for card in CATALOG.values() if card.published},
}


@cache
def known_shape(name: str) -> ModelShape:
    """The shape of a model by its short name or its name on the Hub.

    Raises:
        UsageError: it is not known; the near matches are named.
    """
    found = decoder_shape(KNOWN[check_name("model", OTHER_NAMES.get(name, name), KNOWN)])
    assert found is not None
    return found
