"""The chat template that a tokenizer brings: one, or several by name with one as the default."""

from typing import Any

from tunelab.errors import UsageError


def own_template(tokenizer: Any) -> str | None:
    """The chat template of a tokenizer, or None where it has none.

    Raises:
        UsageError: it has several by name, and none of them is called default.
    """
    held = tokenizer.chat_template
    if not held:
        return None
    if isinstance(held, dict) and "default" not in held:
        raise UsageError(
            f"the tokenizer has the chat templates {', '.join(sorted(held))} and none called "
            "default, so it is not known which one to use; call one of them default in its "
            "tokenizer_config.json, or use prompt.style=plain."
        )
    return str(tokenizer.get_chat_template())


def template_texts(tokenizer: Any) -> str:
    """The text of all chat templates of a tokenizer; empty where it has none."""
    held = tokenizer.chat_template
    if isinstance(held, dict):
        return "\n".join(str(text) for _, text in sorted(held.items()))
    return str(held or "")
