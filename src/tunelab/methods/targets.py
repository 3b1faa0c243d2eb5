"""Target modules: from a short name to the linear layers that are adapted."""

from collections.abc import Sequence
from typing import Any, Literal

from tunelab.errors import UsageError
from tunelab.registry import unknown

TargetName = Literal["all-linear", "attention", "mlp", "qv"]
Targets = TargetName | list[str]

# Families that fuse layers (Phi-3) have one module where others have two or three.
_GROUPS: dict[str, tuple[str, ...]] = {
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj", "gate_up_proj"),
    "qv": ("q_proj", "v_proj", "qkv_proj"),
}


def linear_names(model: Any) -> list[str]:
    """The last part of the names of a model's linear layers, its output layer left out."""
    import torch

    output = model.get_output_embeddings()
    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    }
    return sorted(names)


def target_modules(model: Any, targets: str | Sequence[str]) -> list[str]:
    """The modules that ``targets`` means in this model.

    Raises:
        UsageError: a name is not that of a linear layer, or a group has none in this model.
    """
    present = linear_names(model)
    if targets == "all-linear":
        return present
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
