"""Another form of attention in the place of a model's own, for as long as it is wanted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# What changes attention in ways that tunelab's forms do not follow.
_UNKNOWN = ("softcap", "s_aux", "position_bias")


@contextmanager
def attention_form(model: Any, name: str) -> Iterator[None]:
    """Within this context a model asks transformers for the attention of that name."""
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before


def is_unknown(arguments: Mapping[str, Any]) -> bool:
    """Whether a layer asks for attention that tunelab's forms do not follow."""
    return any(arguments.get(name) is not None for name in _UNKNOWN)
