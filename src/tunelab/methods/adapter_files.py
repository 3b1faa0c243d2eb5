"""Adapters in PEFT's own format, and adapters of weights merged into them."""

from pathlib import Path
from typing import Any

# What PEFT's configurations hold as sets, whose order differs from process to process.
_SETS = ("target_modules", "feedforward_modules", "exclude_modules")


def save(model: Any, folder: Path) -> None:
    """Write the adapter in PEFT's own format; the same adapter gives the same bytes."""
    for config in model.peft_config.values():
        for name in _SETS:
            names = getattr(config, name, None)
            if isinstance(names, set):
                setattr(config, name, sorted(names))
    model.save_pretrained(folder, save_embedding_layers=False)


def load(model: Any, folder: Path) -> Any:
    """Put the adapter of ``folder`` on a model, frozen.

    Raises:
        UsageError: it holds something else than a method of tunelab's writes.
    """
    from peft import PeftModel

    from tunelab.methods.adapter_checks import check_adapter

    check_adapter(folder)
    return PeftModel.from_pretrained(model, folder, is_trainable=False).eval()


def merge(model: Any) -> Any:
    """Write the adapter into the weights, in place, and return the model without it."""
    return model.merge_and_unload()
