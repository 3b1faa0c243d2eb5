"""What LoRA and its variants share: their settings, and how they are put on a model."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from tunelab.config import Count, Number
from tunelab.errors import UsageError
from tunelab.methods.contract import AdapterFiles, Kept
from tunelab.methods.counting import ParameterCount, added
from tunelab.methods.layers import LayeredSettings, chosen_layers, top_layers
from tunelab.methods.targets import (
    Targets,
    linear_kinds,
    module_names,
    put_on,
    stored_as_inputs_first,
    target_kinds,
)
from tunelab.models.description import ModelShape


class LowRankSettings(LayeredSettings):
    """The keys of LoRA and its variants in a study."""

    r: Count = Field(16, description="rank of the change")
    alpha: Annotated[Number, Field(gt=0)] = Field(32, description="scale of the change: alpha / r")
    dropout: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the inputs of A that is left out in training"
    )
    targets: Targets = Field(
        "all-linear", description="all-linear, attention, mlp, qv, kv, or a list of module names"
    )


def adapt_low_rank(model: Any, settings: LowRankSettings, **variant: Any) -> Any:
    """Wrap a model with trainable A and B; all else is frozen.

    ``variant``: what PEFT's LoraConfig calls the variant's own switch.

    Raises:
        UsageError: a target module is not in the model or its top layers, or PEFT cannot adapt it.
    """
    from peft import LoraConfig

    kinds = target_kinds(linear_kinds(model), settings.targets)
    names = module_names(model, kinds, top_layers(settings))
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=names,
        fan_in_fan_out=stored_as_inputs_first(model, names),
        bias="none",
        **variant,
    )
    return put_on(model, config)


def count_low_rank(
    shape: ModelShape, settings: LowRankSettings, *, magnitudes: bool = False
) -> ParameterCount:
    """r (in + out) for each adapted layer, and ``out`` more where magnitudes are trained.

    Raises:
        UsageError: a target module is not in the model or its top layers, or the rank is above a
            layer's own.
    """
    kinds = target_kinds(shape.kinds, settings.targets)
    layers = chosen_layers(shape.linears, kinds, shape.layers, top_layers(settings))
    if not layers:
        raise UsageError("targets=[] names no layer to adapt; name some, or use all-linear.")
    smallest = min(layers, key=lambda layer: min(layer.inputs, layer.outputs))
    most = min(smallest.inputs, smallest.outputs)
    if settings.r > most:
        raise UsageError(
            f"r={settings.r} is above the rank of {smallest.kind}, a matrix of "
            f"{smallest.outputs} × {smallest.inputs}; the highest that works is r={most}, or "
            f"targets without {smallest.kind}."
        )
    trainable = sum(settings.r * (layer.inputs + layer.outputs) for layer in layers)
    if magnitudes:
        trainable += sum(layer.outputs for layer in layers)
    return added(shape, trainable)


def keep_low_rank(kinds: Sequence[str], settings: LowRankSettings, fused: bool) -> Kept:
    """The inputs of the adapted layers, and A x of each."""
    return Kept(
        inputs=target_kinds(kinds, settings.targets),
        rank=settings.r,
        dropout=settings.dropout > 0,
    )


def _fits(values: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> bool:
    thin = [shape for name, shape in shapes.items() if name.endswith("lora_A.weight")]
    return bool(thin) and all(list(shape[:1]) == [values.get("r")] for shape in thin)


LOW_RANK_FILES = AdapterFiles(
    "LORA",
    frozenset(
        {
            *("r", "lora_alpha", "lora_dropout", "target_modules", "use_dora", "use_rslora"),
            "fan_in_fan_out",
        }
    ),
    _fits,
)
