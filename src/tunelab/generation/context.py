"""The limits of an answer: how long a model's rows may be, and which tokens end them."""

from collections.abc import Iterable
from typing import Any

from tunelab.errors import UsageError
from tunelab.inference.virtual_tokens import virtual_tokens


def context_length(model: Any) -> int | None:
    """The tokens that a model's rows may have, or None where its configuration names no limit.

    The virtual tokens of a soft prompt take their part of the context.
    """
    config = model.config.get_text_config()
    found = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return int(found) - virtual_tokens(model) if found else None


def check_fits(prompt_tokens: int, context: int | None, *, what: str = "the prompt") -> None:
    """Refuse a prompt that leaves no token of the context for an answer.

    Raises:
        UsageError: with both numbers.
    """
    if prompt_tokens == 0:
        raise UsageError(f"{what} holds no token; give some text.")
    if context is not None and prompt_tokens >= context:
        raise UsageError(
            f"{what} has {prompt_tokens} tokens, and the model's context of {context} must hold "
            "the answer as well; shorten it."
        )


def ending_tokens(first: Iterable[int], model: Any, tokenizer: Any) -> list[int]:
    """The tokens ``first``, then the tokenizer's and the model's own ends, each once."""
    own = getattr(model.generation_config, "eos_token_id", None)
    listed = own if isinstance(own, list) else [own]
    everything = [*first, tokenizer.eos_token_id, *listed]
    return list(dict.fromkeys(token for token in everything if token is not None))
