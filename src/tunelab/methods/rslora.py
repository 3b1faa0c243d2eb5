"""rsLoRA: LoRA, scaled so that a higher rank does not learn more slowly.

The layer is LoRA's but for its scale:

    y = W x + (alpha / √r) · B A dropout(x)

LoRA's own alpha / r shrinks what a step changes as the rank grows, so that a rank of 64 learns
hardly more than one of 8. With the square root the size of the activations and of the gradients
stays the same at every rank. At r = 16 it is LoRA with four times the alpha; the default alpha
here gives both the same scale at that rank, and the two part as the rank rises.

It trains A and B, r · (in + out) numbers for each layer, beside the linear layers that
``targets`` names in every block, and can be merged into the weights, all as LoRA does.

Source: Kalajdzievski, A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA, 2023,
https://arxiv.org/abs/2312.03732.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from tunelab.config import Count, Number
from tunelab.methods.adapter_files import load, merge, save
from tunelab.methods.contract import Drawing, Method
from tunelab.methods.counting import ParameterCount
from tunelab.methods.layers import top_layers
from tunelab.methods.low_rank import (
    LOW_RANK_FILES,
    LowRankSettings,
    adapt_low_rank,
    count_low_rank,
    keep_low_rank,
)
from tunelab.models.description import ModelShape


class Settings(LowRankSettings):
    """rsLoRA's keys in a study."""

    r: Count = Field(64, description="rank of the change")
    alpha: Annotated[Number, Field(gt=0)] = Field(8, description="scale of the change: alpha / √r")


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Wrap a model with trainable A and B; all else is frozen.

    Raises:
        UsageError: a target module is not in the model.
    """
    return adapt_low_rank(model, settings, use_rslora=True)


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """r (in + out) for each adapted layer.

    Raises:
        UsageError: a target module is not in the model, or the rank is above a layer's own.
    """
    return count_low_rank(shape, settings)


METHOD = Method(
    name="rslora",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=merge,
    explanation=str(__doc__),
    drawing=Drawing(
        "Two thin matrices beside each linear layer are trained.",
        ("beside_layers",),
    ),
    adapter=LOW_RANK_FILES,
    kept=keep_low_rank,
    top_layers=top_layers,
)
