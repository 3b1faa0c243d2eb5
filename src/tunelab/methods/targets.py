"""Target modules: from a short name to the kinds of linear layers that are adapted."""

from collections.abc import Sequence
from typing import Any, Literal

from tunelab.errors import UsageError
from tunelab.registry import unknown

TargetName = Literal["all-linear", "attention", "mlp", "qv", "kv"]
Targets = TargetName | list[str]

# Families that fuse layers (Phi-3) have one module where others have two or three.
_GROUPS: dict[str, tuple[str, ...]] = {
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj", "gate_up_proj"),
    "qv": ("q_proj", "v_proj", "qkv_proj"),
    "kv": ("k_proj", "v_proj", "qkv_proj"),
    "down": ("down_proj",),
}


def linear_kinds(model: Any) -> list[str]:
    """The last part of the names of a model's linear layers, its output layer left out."""
    from tunelab.models.shape import linear_layers

    return sorted({name.rpartition(".")[2] for name, _ in linear_layers(model)})


def target_kinds(present: Sequence[str], targets: str | Sequence[str]) -> list[str]:
    """The kinds of linear layers that ``targets`` means in a model that has those ``present``.

    Raises:
        UsageError: a name is not that of a linear layer, or a group has none in this model.
    """
    if targets == "all-linear":
        return list(present)
    if isinstance(targets, str):
        found = [name for name in _GROUPS[targets] if name in present]
        if not found:
            raise UsageError(
                f"targets={targets} means no layer of this model; it has {', '.join(present)}."
            )
        return found
    for name in targets:
        if name not in present:
            raise unknown("target module", name, present)
    return list(targets)
