"""Prefix tuning: trained keys and values stand before those of every row, in every layer.

The model is frozen. In each layer, the attention of a row's queries Q reaches V trained keys and
values before the row's own

    softmax(Q [P_k; K]ᵀ / √d) [P_v; V]

with P_k and P_v of each layer free of those of the others. Prompt tuning trains the input of the
first layer and leaves the rest to follow from it; a prefix steers every layer by itself.

It acts in attention alone, in every block, and trains V · 2 · layers · key heads · head size
numbers. Training begins at the keys and values that real tokens have in this model (``init``), so
that the frozen layers meet what they know. With ``hidden`` the prefix is made by an MLP from one
embedding for each virtual token, as in the paper, which is dropped after training; such a prefix
begins random. A prefix cannot be merged into the weights.

Source: Li and Liang, Prefix-Tuning: Optimizing Continuous Prompts for Generation, 2021,
https://arxiv.org/abs/2101.00190.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from tunelab.config import Count
from tunelab.errors import UsageError
from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.prefix import run_prefix
from tunelab.methods.adapter_files import save
from tunelab.methods.contract import Drawing, Method
from tunelab.methods.counting import ParameterCount, added
from tunelab.methods.soft_prompt import (
    SoftPromptSettings,
    check_context_length,
    count_virtual_tokens,
    keep_nothing,
    load,
    prompt_files,
    put_before,
    start_tokens,
)
from tunelab.models.description import ModelShape


class Settings(SoftPromptSettings):
    """Prefix tuning's keys in a study."""

    hidden: Count | None = Field(
        None,
        description="size of the MLP that makes the prefix in training, with init: random; null "
        "for none",
    )

    @field_validator("hidden")
    @classmethod
    def _begins_random(cls, hidden: int | None, info: ValidationInfo) -> int | None:
        if hidden is not None and info.data.get("init") != "random":
            raise ValueError("makes a prefix that begins random; set init: random beside it")
        return hidden


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Freeze a model and put trainable keys and values before those of its rows.

    Raises:
        UsageError: ``init`` is instruction, and there is none.
    """
    import torch
    from peft import PrefixTuningConfig

    tokens = start_tokens(model, settings, instruction)
    pairs = [] if tokens is None else _keys_and_values(model, tokens)
    config = PrefixTuningConfig(
        num_virtual_tokens=settings.virtual_tokens,
        prefix_projection=settings.hidden is not None,
        encoder_hidden_size=settings.hidden,
    )
    prompted = put_before(model, config)
    if pairs:
        # (1, key heads, V, size) of each to (V, 2 · layers · key heads · size).
        flat = torch.stack([one[0] for pair in pairs for one in pair]).permute(2, 0, 1, 3)
        encoder = prompted.prompt_encoder[prompted.active_adapter]
        encoder.load_prompt_embeddings(flat.flatten(1).float())
    return prompted


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """V · 2 · layers · key heads · head size, or the MLP that makes them.

    Raises:
        UsageError: the model keeps something else than keys and values, or has no room.
    """
    check_context_length(shape, settings)
    if shape.cache is None:
        raise UsageError(
            f"prefix tuning puts keys and values before a row's own, and {shape.family} keeps "
            "something else in some layer; use prompt_tuning."
        )
    heads, size = shape.cache
    width = heads * size
    made = 2 * shape.layers * width
    if settings.hidden is None:
        return added(shape, settings.virtual_tokens * made)
    mlp = (width + 1) * settings.hidden + (settings.hidden + 1) * made
    return added(shape, settings.virtual_tokens * width + mlp)


def _keys_and_values(model: Any, tokens: Sequence[int]) -> list[tuple[Any, Any]]:
    """What each layer of the model keeps of these tokens at the beginning of a row."""
    import torch

    from tunelab.inference.bidirectional_attention import keys_and_values

    was_training = model.training
    model.eval()
    refused = f"{name_of(model)} gives no keys and values to begin at", "use prompt_tuning"
    with torch.no_grad(), explain_errors(*refused):
        if model.get_output_embeddings() is None:
            pairs = keys_and_values(model, tokens)
        else:
            cache = run_prefix(model, tokens, device=model.device)
            pairs = [(layer.keys, layer.values) for layer in cache.layers]
    model.train(was_training)
    return pairs


def _width(values: Mapping[str, Any]) -> int | None:
    """Keys and values of all layers."""
    layers, size = values.get("num_layers"), values.get("token_dim")
    return 2 * layers * size if isinstance(layers, int) and isinstance(size, int) else None


METHOD = Method(
    name="prefix_tuning",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=None,
    explanation=str(__doc__),
    drawing=Drawing(
        "Keys and values before the row's own are trained in every block.", ("prefixes",)
    ),
    adapter=prompt_files(
        "PREFIX_TUNING",
        "encoder_hidden_size",
        "prefix_projection",
        width=_width,
    ),
    learning_rate=1e-2,
    virtual_tokens=count_virtual_tokens,
    virtual_in_attention_alone=True,
    kept=keep_nothing,
)
