"""The shape of a model: its linear layers and sizes, from its configuration, without weights.

Known models and families of the Llama kind are described in :mod:`tunelab.models.decoders` from
their configuration's values alone. Of every other model the modules are built here on PyTorch's
meta device, where a tensor has a shape and no memory, so the shape of a model of any size is known
in a second and is that of the real model.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunelab.errors import RunError
from tunelab.guards.refusals import reason_of
from tunelab.models.description import OTHER_CACHES, PLAIN_ATTENTION, LinearLayer, ModelShape

# The experts of a layer in one parameter of three dimensions, and the layers of other experts of
# the same model. PEFT takes the names of the latter for the former.
_EXPERTS = {"gate_up_proj", "down_proj"}
_OF_EXPERTS = {"gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"}
# A state-space layer reads the weight of this one by itself, without running the layer.
_READ_BARE = {"out_proj", "conv1d"}
_STATE_SPACES = {"falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"}
# The linear layers of a block of the Llama kind, in the families that fuse some and those that not.
_ATTENTION = ({"q_proj", "k_proj", "v_proj", "o_proj"}, {"qkv_proj", "o_proj"})
_GATED_MLP = ({"gate_proj", "up_proj", "down_proj"}, {"gate_up_proj", "down_proj"})


def empty_model(config: Any) -> Any:
    """The causal language model of a transformers configuration, on the meta device.

    Raises:
        RunError: transformers cannot build it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except Exception as error:
        raise RunError(
            f"transformers cannot build a {config.model_type} model from its configuration "
            f"({reason_of(error)}); choose another model."
        ) from None


def shape_of(config: Any) -> ModelShape:
    """The shape of the causal language model of a transformers configuration.

    Raises:
        RunError: transformers cannot build it.
    """
    return shape_of_model(empty_model(config))


def shape_of_model(model: Any) -> ModelShape:
    """The shape of a model."""
    text = model.config.get_text_config()
    embedding, output = model.get_input_embeddings(), model.get_output_embeddings()
    layers = number_of(text, "num_hidden_layers") or number_of(text, "decoder_layers") or 1
    hidden = number_of(text, "hidden_size") or int(embedding.weight.shape[1])
    heads = number_of(text, "num_attention_heads") or 1
    head = number_of(text, "head_dim") or hidden // heads
    linears, cache = linear_layers(model), _cache(model, text)
    norms = [
        module.weight.numel()
        for module in model.modules()
        if type(module).__name__.endswith("Norm") and getattr(module, "weight", None) is not None
    ]
    widest = max((max(one.inputs, one.outputs) for one in linears), default=hidden)
    return ModelShape(
        family=str(text.model_type),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers=layers,
        hidden=hidden,
        vocabulary=number_of(text, "vocab_size") or int(embedding.weight.shape[0]),
        context=number_of(text, "max_position_embeddings"),
        window=number_of(text, "sliding_window"),
        cache=cache,
        linears=tuple(linears),
        inner=number_of(text, "intermediate_size") or widest,
        heads=heads,
        key_heads=number_of(text, "num_key_value_heads") or heads,
        head_size=head,
        tied=output is not None and output.weight is embedding.weight,
        norms=sum(size == hidden for size in norms) // layers,
        head_norms=sum(size == head for size in norms) // layers,
        llama_kind=cache is not None and _is_llama_kind(model, linears, layers),
    )


def _is_llama_kind(model: Any, linears: Iterable[LinearLayer], layers: int) -> bool:
    """Whether each block is attention with a gated MLP behind it."""
    counts = Counter(layer.kind for layer in linears)
    known = [attention | mlp for attention in _ATTENTION for mlp in _GATED_MLP]
    return (
        set(counts) in known
        and set(counts.values()) == {layers}
        # Experts are parameters of three dimensions.
        and all(parameter.dim() < 3 for parameter in model.parameters())
    )


@lru_cache(maxsize=16)
def read_shape(folder: Path) -> ModelShape:
    """The shape of the model in a folder; its weights are not read.

    Raises:
        RunError: the folder has no configuration that transformers knows, or whose model it can
            build.
    """
    return shape_of(read_configuration(folder))


def read_configuration(folder: Path) -> Any:
    """The transformers configuration of the model in a folder.

    Raises:
        RunError: the folder has none that transformers knows.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise RunError(
            f"the configuration in {folder} cannot be read ({reason_of(error)})."
        ) from None


def number_of(config: Any, name: str) -> int | None:
    """A size of a configuration; None where it has none, or another one for each layer."""
    try:
        value = getattr(config, name, None)
    except Exception:
        return None
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def linear_layers(model: Any) -> list[LinearLayer]:
    """The linear layers of a model that a method can adapt, GPT-2's Conv1D among them.

    Left out are the output layer; what stands beside experts that are one parameter of three
    dimensions, as PEFT would take its name for theirs; and what a state-space layer reads bare.
    """
    output = model.get_output_embeddings()
    found = {
        name: sizes
        for name, module in model.named_modules()
        if module is not output and (sizes := _sizes(module)) is not None
    }
    left_out: set[str] = set()
    if any(
        parameter.dim() == 3 and name.rpartition(".")[2] in _EXPERTS
        for name, parameter in model.named_parameters()
    ):
        left_out |= _OF_EXPERTS
    if model.config.model_type in _STATE_SPACES:
        left_out |= _READ_BARE
    kinds = _kinds(found)
    return [
        LinearLayer(name, inputs, outputs, kinds[name])
        for name, (inputs, outputs) in found.items()
        if name.rpartition(".")[2] not in left_out
    ]


def stores_inputs_first(module: Any) -> bool:
    """Whether a layer is GPT-2's Conv1D: a linear layer whose weight is (inputs, outputs)."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, Conv1D)


def _sizes(module: Any) -> tuple[int, int] | None:
    """The inputs and outputs of a linear layer, or None for another module."""
    import torch

    if stores_inputs_first(module):
        inputs, outputs = module.weight.shape
        return int(inputs), int(outputs)
    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features
    return None


def _kinds(names: Iterable[str]) -> Mapping[str, str]:
    """The kind of each layer by its full name."""
    parts = {name: name.split(".") for name in names}
    parents, above = defaultdict(set), defaultdict(set)
    for part in parts.values():
        parents[part[-1]].add(_part(part, 2))
        above[tuple(part[-2:])].add(_part(part, 3))
    kinds = {}
    for name, part in parts.items():
        # A number alone, as in a Sequential, would name blocks too.
        count = 1 if len(parents[part[-1]]) == 1 and not part[-1].isdecimal() else 2
        # BERT's attention.output.dense, beside the output.dense of the block.
        if count == 2 and len(above[tuple(part[-2:])]) > 1 and _part(part, 3):
            count = 3
        kinds[name] = ".".join(part[-count:])
    return kinds


def _part(parts: Sequence[str], place: int) -> str:
    """A part of a name counted from its end; nothing for the number of a block."""
    return "" if len(parts) < place or parts[-place].isdecimal() else parts[-place]


def _cache(model: Any, text: Any) -> tuple[int, int] | None:
    """Key heads and their size, where every layer keeps keys and values of one size alone."""
    heads = number_of(text, "num_attention_heads")
    kinds = set(getattr(text, "layer_types", None) or PLAIN_ATTENTION)
    stateful = bool(getattr(model, "_is_stateful", False))
    if stateful or not heads or not kinds <= PLAIN_ATTENTION:
        return None
    values = text.to_dict()
    if any(values.get(name) for name in OTHER_CACHES):
        return None
    key_heads = number_of(text, "num_key_value_heads") or heads
    size = number_of(text, "head_dim") or (number_of(text, "hidden_size") or 0) // heads
    return (key_heads, size) if size else None
