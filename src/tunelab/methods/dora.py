"""DoRA: a weight matrix is parted into lengths and directions; LoRA turns the directions.

Each row of W (out × in), the weights of one output, is a length times a direction. DoRA keeps
the lengths as a vector m of their own and lets LoRA change the directions:

    W' = m ∘ (W + (alpha / r) · B A) / ‖W + (alpha / r) · B A‖

with the norm taken over each row, m beginning at the norms of W, and A and B as in LoRA, so that
training begins at the model as it was. The norm is held constant in the gradient, as in the
paper. Full fine-tuning often turns a weight without lengthening it, or the other way round; LoRA
alone changes both together, and DoRA does not have to.

It trains A, B and m: r · (in + out) + out numbers for each linear layer that ``targets`` names,
in every block. A step costs more than LoRA's, as W + B A has to be formed to take its norms;
after training W' takes the place of W, and the adapted model costs no more to run.

Source: Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation, 2024,
https://arxiv.org/abs/2402.09353.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tunelab.methods.adapter_files import load, merge, save
from tunelab.methods.contract import Drawing, Kept, Method
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
    """DoRA's keys in a study."""


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Wrap a model with trainable A, B and lengths; all else is frozen.

    Raises:
        UsageError: a target module is not in the model.
    """
    return adapt_low_rank(model, settings, use_dora=True)


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """r (in + out) + out for each adapted layer.

    Raises:
        UsageError: a target module is not in the model, or the rank is above a layer's own.
    """
    return count_low_rank(shape, settings, magnitudes=True)


def _kept(kinds: Sequence[str], settings: Settings, fused: bool) -> Kept:
    """As LoRA, and the outputs that meet the lengths; with their directions where not fused."""
    low_rank = keep_low_rank(kinds, settings, fused)
    times = 1 if fused and not settings.dropout else 2
    return replace(low_rank, outputs=dict.fromkeys(low_rank.inputs, times))


METHOD = Method(
    name="dora",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=merge,
    explanation=str(__doc__),
    drawing=Drawing(
        "Two thin matrices beside each linear layer are trained, and the length of its weights.",
        ("beside_layers", "magnitudes"),
    ),
    adapter=LOW_RANK_FILES,
    kept=_kept,
    top_layers=top_layers,
)
