"""A linear head on the last token: logits of labels in the place of those of the vocabulary."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tunelab.errors import UsageError
from tunelab.guards.refusals import name_of


class LabelHead(torch.nn.Linear):
    """Hidden states (…, hidden) to logits (…, labels), in float32 whatever the model's type is."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The logits of each label."""
        with torch.autocast(hidden.device.type, enabled=False):
            return torch.nn.functional.linear(hidden.float(), self.weight, self.bias)


def output_layer(model: Any) -> Any:
    """The layer that makes logits of hidden states.

    Raises:
        UsageError: the model has none, or one that holds no matrix (vocabulary, hidden).
    """
    layer = _inner(model).get_output_embeddings()
    if getattr(layer, "weight", None) is None or layer.weight.dim() != 2:
        raise UsageError(
            f"{name_of(model)} has no output layer that a head could replace; use answers: words."
        )
    return layer


def make_head(model: Any, first_tokens: Sequence[int]) -> LabelHead:
    """A head that begins at the scores which the model gives to the first token of each label.

    ``first_tokens``: a token id for each label.
    """
    weight = output_layer(model).weight
    tokens = torch.tensor(list(first_tokens), device=weight.device)
    head = LabelHead(weight.shape[1], len(first_tokens), device=weight.device)
    with torch.no_grad():
        head.weight.copy_(weight[tokens].float())
        head.bias.zero_()
    return head


def replace_output(model: Any, layer: Any) -> Any:
    """Let a model's output be that of ``layer``, in place; returns the layer that it had.

    Raises:
        UsageError: the model does not let its output layer be replaced.
    """
    before, inner = output_layer(model), _inner(model)
    inner.set_output_embeddings(layer)
    if inner.get_output_embeddings() is not layer:
        raise UsageError(
            f"{name_of(model)} does not let its output layer be replaced; use answers: words."
        )
    return before


@contextmanager
def words_restored(model: Any, layer: Any) -> Iterator[LabelHead]:
    """Within this context a model has its own output layer again, tied if it was; yields its head.

    ``layer``: what :func:`replace_output` returned.
    """
    head = replace_output(model, layer)
    # Training may have replaced the parameter that the layer shared with the embeddings.
    _inner(model).tie_weights()
    try:
        yield head
    finally:
        replace_output(model, head)


def _inner(model: Any) -> Any:
    """The model itself, of one that PEFT wraps."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
