"""Load a model by name: find it, fetch it, read it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.errors import RunError, UsageError
from tunelab.guards.refusals import reason_of
from tunelab.inference.attention_form import with_known_attention
from tunelab.inference.embeddings import set_pad_token
from tunelab.models.cache import MANIFEST, entry_hash, is_cached
from tunelab.models.catalog import ModelCard, find
from tunelab.models.folder_checks import check_model_folder
from tunelab.models.hub_source import is_here as is_on_disk
from tunelab.runs.seals import file_hash


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to run. ``hash`` identifies its weights and tokenizer."""

    card: ModelCard
    model: Any
    tokenizer: Any
    folder: Path
    hash: str


def load(name: str, *, device: str = "cpu", dtype: str = "float32") -> LoadedModel:
    """Load a model for inference, its tokenizer padding on the left.

    Raises:
        UsageError: the name is unknown, or its folder is no model.
        RunError: it cannot be fetched, its files cannot be read, or the device has no room.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    card = find(name)
    folder = fetch(card)
    try:
        model = with_known_attention(
            lambda attention: AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                attn_implementation=attention,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )
        )
    except Exception as error:
        raise RunError(
            f"the model {name} cannot be read ({reason_of(error)}); its folder is damaged or "
            "of a kind that transformers does not know."
        ) from None
    try:
        model = model.to(device).eval()
    except torch.OutOfMemoryError:
        raise RunError(
            f"the device has no memory left for {name}; choose a smaller model, or device=cpu."
        ) from None
    tokenizer = _read_tokenizer(folder, name)
    set_pad_token(tokenizer, model, name)
    return LoadedModel(
        card=card,
        model=model,
        tokenizer=tokenizer,
        folder=folder,
        hash=_folder_hash(folder),
    )


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model, without its weights."""
    return _read_tokenizer(fetch(find(name)), name)


def model_hash(name: str) -> str:
    """What :attr:`LoadedModel.hash` will be, without loading."""
    return _folder_hash(fetch(find(name)))


def fetch(card: ModelCard) -> Path:
    """The local folder of a model, from whatever source its card names.

    Raises:
        UsageError: it is not there, or is none that a model may be read from.
        RunError: it cannot be fetched.
    """
    folder = Path(registry.resolve("model source", card.source, registry.MODEL_SOURCES)(card))
    if card.source != "package":
        check_model_folder(folder)
    return folder


def is_here(name: str) -> bool:
    """Whether a model can be loaded without a download.

    Raises:
        UsageError: the name is unknown.
    """
    card = find(name)
    if card.source == "package":
        return is_cached(card.name)
    return card.source == "folder" or is_on_disk(card)


def _read_tokenizer(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:
        raise RunError(f"the tokenizer of {name} cannot be read ({reason_of(error)}).") from None
    if not tokenizer.is_fast:
        raise UsageError(
            f"the tokenizer of {name} has no fast form (tokenizer.json); choose another model."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def _folder_hash(folder: Path) -> str:
    if (folder / MANIFEST).is_file():
        return entry_hash(folder)
    if folder.parent.name == "snapshots":
        # A snapshot of the Hub's cache is named after its commit.
        return hashlib.sha256(folder.name.encode()).hexdigest()
    kinds = ("*.json", "*.jinja", "*.safetensors", "tokenizer.model", "vocab.txt", "merges.txt")
    names = sorted(path for kind in kinds for path in folder.glob(kind))
    parts = [f"{path.name}:{file_hash(path)}" for path in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
