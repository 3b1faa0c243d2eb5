"""Replace a model's own layers by their fused forms, and restore them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tunelab.training.fused import gated_mlp, norms, rotary
from tunelab.training.fused.adapters import fused_adapters


@contextmanager
def fused_layers(model: Any, merge: bool = False) -> Iterator[dict[str, int]]:
    """Within this context a model's layers run in fused form wherever that is exact.

    Yields how many of each kind do. A layer is replaced only if its fused form gives what it
    gives itself on numbers made for the purpose.
    """
    with fused_adapters(model, merge) as adapters, fused_blocks(model) as counts:
        yield {"adapters": adapters, **counts}


@contextmanager
def fused_blocks(model: Any) -> Iterator[dict[str, int]]:
    """As :func:`fused_layers`, without the adapters; such contexts may stand in each other."""
    with ExitStack() as stack:
        counts = {}
        for name, kind, attribute in (
            ("norms", norms, "forward"),
            ("gated_mlps", gated_mlp, "forward"),
            ("rotary", rotary, "apply_rotary_pos_emb"),
        ):
            found = list(kind.replacements(model))
            for owner, function in found:
                stack.enter_context(_replaced(owner, attribute, function))
            counts[name] = len(found)
        yield counts


@contextmanager
def _replaced(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    own = vars(owner)
    missing = object()
    before = own.get(attribute, missing)
    setattr(owner, attribute, value)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, attribute)
        else:
            setattr(owner, attribute, before)
