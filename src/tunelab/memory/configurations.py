"""The configuration of a model by its name, without weights and, for known models, offline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.hub import download
from tunelab.models.catalog import find
from tunelab.registry import unknown
from tunelab.tokenizers.shapes import SHAPES, Shape

_LLAMA_CONTEXT = {"max_position_embeddings": 131_072}
_PHI = {
    "max_position_embeddings": 131_072,
    "partial_rotary_factor": 0.75,
    "pad_token_id": 199_999,
    "bos_token_id": 199_999,
    "eos_token_id": 199_999,
}
# The family, and what its configuration says besides sizes; from the published configurations.
_FAMILIES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "smollm2-135m-instruct": ("llama", {"max_position_embeddings": 8192}),
    "gemma-3-270m": ("gemma3_text", {"max_position_embeddings": 32_768, "sliding_window": 512}),
    "llama-3.2-1b": ("llama", _LLAMA_CONTEXT),
    "llama-3.2-1b-instruct": ("llama", _LLAMA_CONTEXT),
    "llama-3.2-3b": ("llama", _LLAMA_CONTEXT),
    "mistral-7b-v0.1": ("mistral", {"max_position_embeddings": 32_768, "sliding_window": 4096}),
    "phi-4-mini-instruct": ("phi3", _PHI),
}
_OTHER_NAMES = {
    "phi-4-mini": "phi-4-mini-instruct",
    "llama-3.2-3b-instruct": "llama-3.2-3b",
    "meta-llama/Llama-3.2-3B": "llama-3.2-3b",
    "meta-llama/Llama-3.2-3B-Instruct": "llama-3.2-3b",
    "HuggingFaceTB/SmolLM2-135M-Instruct": "smollm2-135m-instruct",
    "google/gemma-3-270m": "gemma-3-270m",
}


def configuration(name: str, *, fetch: bool = True) -> Any:
    """The transformers configuration of a known model, a folder's or a Hub repository's.

    Nothing is asked of the Hub for a model that is known, nor where ``fetch`` is False.

    Raises:
        UsageError: the name is none of these, or the folder has no config.json; or only the Hub
            knows it, and it is not to be asked.
        RunError: transformers cannot read it, or the Hub does not give it.
    """
    name = _OTHER_NAMES.get(name, name)
    if name in SHAPES:
        return _known(name, SHAPES[name])
    try:
        card = find(name)
    except UsageError:
        if "/" in name:
            raise
        raise unknown("model", name, [*SHAPES, *_OTHER_NAMES]) from None
    if card.name in SHAPES:
        return _known(card.name, SHAPES[card.name])
    if card.source != "folder" and not fetch:
        raise UsageError(f"the configuration of {name} is known to the Hub alone.")
    folder = Path(card.location) if card.source == "folder" else _from_hub(card.location)
    if not (folder / "config.json").is_file():
        raise UsageError(f"{folder} is not a model folder: it holds no config.json.")
    return _read(folder)


def _known(name: str, shape: Shape) -> Any:
    from transformers import AutoConfig

    family, more = _FAMILIES[name]
    return AutoConfig.for_model(
        family,
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
        **more,
    )


def _from_hub(location: str) -> Path:
    """The folder with the config.json of a repository; nothing else is fetched."""
    return download(
        location,
        ["config.json"],
        what="model",
        is_complete=lambda folder: (folder / "config.json").is_file(),
    )


def _read(folder: Path) -> Any:
    from transformers import AutoConfig

    from tunelab.models.folder_checks import check_configuration

    check_configuration(folder)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise RunError(
            f"the configuration in {folder} cannot be read "
            f"({type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]})."
        ) from None
