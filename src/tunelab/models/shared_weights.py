"""Several models that are made from one: each has modules of its own, and all share the weights.

A service with many adapters on one base model holds the base model once. Methods put their layers
into the modules of a model, so every adapter gets modules of its own; a model computes what it
would alone, as nothing of another adapter is in it.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

Loaded = TypeVar("Loaded", bound=Any)

_SHARED: ContextVar[dict[tuple[str, ...], Any] | None] = ContextVar("shared_weights", default=None)


@contextmanager
def sharing_weights() -> Iterator[None]:
    """Within this context a model that is loaded again shares the weights of the first one."""
    before = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(before)


def shared(key: tuple[str, ...], load: Callable[[], Loaded]) -> Loaded:
    """What ``load`` gives: within :func:`sharing_weights`, a twin of what it gave for this key.

    ``load`` gives a dataclass with a ``model`` and its ``tokenizer``.
    """
    known = _SHARED.get()
    if known is None:
        return load()
    if key not in known:
        known[key] = load()
    first = known[key]
    # A method or a prompt changes the modules of its model and the template of its tokenizer.
    twin: Loaded = replace(
        first, model=twin_of(first.model), tokenizer=copy.deepcopy(first.tokenizer)
    )
    return twin


def twin_of(model: Any) -> Any:
    """A model with modules of its own and the very weights and buffers of ``model``."""
    kept = {id(value): value for value in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, kept)
