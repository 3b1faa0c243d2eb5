"""The context: how many tokens a model reads and writes at most."""

from typing import Any

from tunelab.errors import UsageError


def context_length(model: Any) -> int | None:
    """The model's context in tokens, or None where its configuration names none."""
    config = model.config.get_text_config()
    found = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return int(found) if found else None


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
