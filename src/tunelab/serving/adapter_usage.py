"""How an adapter is used, for its card."""

from collections.abc import Mapping
from typing import Any

from tunelab.classifiers.adapters import has_head
from tunelab.methods.contract import find_method
from tunelab.models.catalog import ModelCard
from tunelab.models.kinds import HEAD_FILE
from tunelab.serving.inert_markdown import Markdown, fill, inert


def method_summary(method: str) -> str:
    """The first sentence that the method's own file says of it."""
    first = find_method(method).explanation.strip().splitlines()[0].rstrip(".")
    return first.partition(": ")[2] or first


def is_adapter(method: str) -> bool:
    """Whether what was saved needs PEFT and the base model, and is no whole model itself."""
    return find_method(method).adapter is not None


def adapter_usage(name: str, method: str, card: ModelCard, record: Mapping[str, Any]) -> str:
    """The section that says how to use an adapter, in Markdown."""
    return fill(
        "adapter_usage.md.j2",
        {
            "folder": Markdown(f"adapters/{name}"),
            "library": "PEFT" if is_adapter(method) else "transformers",
            "method": method,
            "style": record["prompt"]["style"],
            "head": Markdown(HEAD_FILE) if has_head(record) else None,
            "base_hint": Markdown(_base_hint(card)),
            "merging": Markdown(_merging(name, method, record)),
        },
    )


def _merging(name: str, method: str, record: Mapping[str, Any]) -> str:
    if has_head(record):
        return (
            f"A head writes no words; `tunelab export adapters/{name} OUT --format onnx` writes "
            "the model with it as one graph that needs neither PEFT nor the base model."
        )
    if find_method(method).merge is None:
        return (
            f"{inert(method)} cannot be merged into the weights, so that the adapter is needed "
            "wherever the model runs."
        )
    return (
        f"`tunelab export adapters/{name} OUT` writes a plain transformers folder that needs "
        "neither PEFT nor the base model, and with `--format gguf` a file for llama.cpp and Ollama."
    )


def _base_hint(card: ModelCard) -> str:
    if card.source == "folder":
        return "it must be the one that the adapter was trained on"
    if card.source == "hub":
        return f"`{card.location}` does as well, once it is in the Hub's cache"
    fetch = f"from tunelab.models import catalog, loading; f = catalog.find('{card.name}')"
    return (
        "tunelab keeps it converted, and this names the folder: "
        f'`python -c "{fetch}; print(loading.fetch(f))"`'
    )
