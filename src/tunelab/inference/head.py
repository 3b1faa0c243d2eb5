"""The output layer at chosen positions alone: logits take most of the time of a short row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def output_at(model: Any, positions: Any) -> Iterator[None]:
    """Within this context, a forward pass returns logits of shape (1, N, vocabulary).

    ``positions``: (N,) indices into the hidden states that reach the output layer, flattened
    over rows and columns. Whatever the model does to its logits afterwards still happens.
    """

    def select(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = inputs[0]
        return (hidden.reshape(-1, hidden.shape[-1])[positions][None], *inputs[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
