"""What is computed of a tokenizer once, and kept for as long as the tokenizer is."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from tunelab.prompts.own_template import template_texts

Value = TypeVar("Value")


def per_tokenizer(function: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """Call ``function`` once for each tokenizer and chat template.

    A tokenizer is asked for each row, and what is computed here looks at all its added tokens. The
    values are kept beside the tokenizers and not on them, so that a copy of one has none of its
    own; ``function`` must not return the tokenizer itself.
    """
    kept: WeakKeyDictionary[Any, tuple[str, Value]] = WeakKeyDictionary()

    @wraps(function)
    def remembered(tokenizer: Any) -> Value:
        template = template_texts(tokenizer)
        found = kept.get(tokenizer)
        if found is None or found[0] != template:
            found = kept[tokenizer] = (template, function(tokenizer))
        return found[1]

    return remembered
