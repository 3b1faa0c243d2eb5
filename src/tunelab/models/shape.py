"""The shape of a model: its linear layers and sizes, from its configuration, without weights.

The modules are built on PyTorch's meta device, where a tensor has a shape and no memory, so the
shape of a model of any size is known in a second and is that of the real model.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunelab.errors import RunError

# Attention of these kinds keeps one key and one value for each token, and nothing else.
_PLAIN_ATTENTION = {"full_attention", "sliding_attention"}
# Settings of models whose caches hold something else than that for some layer.
_OTHER_CACHES = ("kv_lora_rank", "num_kv_shared_layers", "global_head_dim", "per_layer_config")


@dataclass(frozen=True)
class LinearLayer:
    """A linear layer: its full name and the sizes of its weight, ``outputs`` × ``inputs``."""

    name: str
    inputs: int
    outputs: int

    @property
    def kind(self) -> str:
        """The last part of the name, which layers of all blocks share."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class ModelShape:
    """What a decoder is made of.

    ``parameters`` counts tied weights once. ``context`` is the longest sequence, and ``window``
    how far back attention reaches in the layers that do not reach all of it; None for no limit.
    ``cache`` is the number of key heads and the size of each, alike in all layers, or None for a
    model that keeps something else than keys and values.
    """

    family: str
    parameters: int
    layers: int
    hidden: int
    vocabulary: int
    context: int | None
    window: int | None
    cache: tuple[int, int] | None
    linears: tuple[LinearLayer, ...]

    @property
    def kinds(self) -> list[str]:
        """The kinds of linear layers, sorted."""
        return sorted({layer.kind for layer in self.linears})

    def of_kinds(self, kinds: Iterable[str]) -> list[LinearLayer]:
        """The linear layers of these kinds, in all blocks."""
        wanted = set(kinds)
        return [layer for layer in self.linears if layer.kind in wanted]


def shape_of(config: Any) -> ModelShape:
    """The shape of the causal language model of a transformers configuration."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config()
    return ModelShape(
        family=str(text.model_type),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers=int(text.num_hidden_layers),
        hidden=int(text.hidden_size),
        vocabulary=int(text.vocab_size),
        context=getattr(text, "max_position_embeddings", None),
        window=getattr(text, "sliding_window", None),
        cache=_cache(model, text),
        linears=tuple(
            LinearLayer(name, module.in_features, module.out_features)
            for name, module in linear_layers(model)
        ),
    )


@lru_cache(maxsize=16)
def read_shape(folder: Path) -> ModelShape:
    """The shape of the model in a folder; its weights are not read.

    Raises:
        RunError: the folder has no configuration that transformers knows.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        return shape_of(config)
    except Exception as error:
        raise RunError(
            f"the configuration in {folder} cannot be read "
            f"({type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]})."
        ) from None


def linear_layers(model: Any) -> list[tuple[str, Any]]:
    """The names and modules of a model's linear layers, its output layer left out."""
    import torch

    output = model.get_output_embeddings()
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    ]


def _cache(model: Any, text: Any) -> tuple[int, int] | None:
    """Key heads and their size, where every layer keeps keys and values of one size alone."""
    heads = getattr(text, "num_attention_heads", None)
    kinds = set(getattr(text, "layer_types", None) or _PLAIN_ATTENTION)
    stateful = bool(getattr(model, "_is_stateful", False))
    if stateful or not isinstance(heads, int) or not kinds <= _PLAIN_ATTENTION:
        return None
    values = text.to_dict()
    if any(values.get(name) for name in _OTHER_CACHES):
        return None
    key_heads = getattr(text, "num_key_value_heads", None) or heads
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    return int(key_heads), int(size)
