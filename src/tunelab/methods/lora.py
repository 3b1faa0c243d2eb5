"""LoRA: the change of a weight matrix is learned as a product of two thin matrices.

A linear layer with weight W (out × in) is frozen and answers with

    y = W x + (alpha / r) · B A dropout(x)

where A (r × in) begins random and B (out × r) begins at zero, so that training begins at the
model as it was. Only A and B are trained: r · (in + out) numbers for each layer in place of
in · out. The rank r bounds what the change can express, alpha scales it, and after training B A
can be added to W, so that the adapted model costs no more to run.

It acts beside the linear layers that ``targets`` names: the projections of queries, keys, values
and the output in attention, and the gate, up and down projections of the MLP, in every block. With
``layers: top-K`` it acts in the last K blocks alone: gradients end there, and what the blocks below
give is computed once for each row.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021,
https://arxiv.org/abs/2106.09685.
"""

from collections.abc import Sequence
from typing import Any

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
    """LoRA's keys in a study."""


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Wrap a model with trainable A and B; all else is frozen.

    Raises:
        UsageError: a target module is not in the model.
    """
    return adapt_low_rank(model, settings)


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """r (in + out) for each adapted layer.

    Raises:
        UsageError: a target module is not in the model, or the rank is above a layer's own.
    """
    return count_low_rank(shape, settings)


METHOD = Method(
    name="lora",
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
