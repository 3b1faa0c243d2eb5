"""How much memory fine-tuning an encoder with a head takes, from its configuration alone."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from tunelab.errors import RunError
from tunelab.guards.refusals import reason_of
from tunelab.methods.contract import Method
from tunelab.methods.settings import MethodSettings
from tunelab.models.description import ModelShape
from tunelab.models.shape import read_configuration, shape_of_model

_FLOAT = 4
# Numbers a token that a block keeps until the backward pass: in units of the encoder's width and of
# the width inside its MLP. Counted at BERT's blocks (benchmarks/LOG.md).
_OF_WIDTH, _OF_INNER = 11, 2
# Attention keeps its scores' probabilities before and after dropout, and the mask of that.
_OF_ATTENTION = 3


@lru_cache(maxsize=16)
def encoder_shape(folder: Path) -> ModelShape:
    """The shape of the encoder in a folder; its weights are not read.

    Raises:
        RunError: transformers cannot build it.
    """
    import torch
    from transformers import AutoModel

    config = read_configuration(folder)
    try:
        with torch.device("meta"):
            model = AutoModel.from_config(config)
    except Exception as error:
        raise RunError(f"transformers cannot build {folder} ({reason_of(error)}).") from None
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return shape_of_model(model)


def training_peak(
    folder: Path, method: Method[Any], settings: MethodSettings, *, batch: int, length: int | None
) -> int:
    """Bytes of a step on ``batch`` texts of ``length`` tokens, in float32.

    ``length``: None for as many as the encoder has positions for, 512 at most.

    Raises:
        UsageError: the method does not fit the encoder.
        RunError: transformers cannot build it.
    """
    shape = encoder_shape(folder)
    count = method.count(shape, settings)
    tokens = min(length or 512, shape.context or 512) + method.virtual_tokens(settings)
    kept = shape.layers * (_OF_WIDTH * shape.hidden + _OF_INNER * shape.inner)
    probabilities = _OF_ATTENTION * shape.layers * shape.heads * tokens
    activations = batch * tokens * (kept + probabilities)
    # Weights; gradients and AdamW's two moments of what is trained.
    return _FLOAT * (count.total + 3 * count.trainable + activations)
