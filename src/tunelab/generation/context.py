"""The context: how many tokens a model reads and writes at most."""

from typing import Any

from tunelab.errors import UsageError
from tunelab.models.virtual_tokens import virtual_tokens


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
