"""Load a model by name: find it, fetch it, read it."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.errors import RunError, UsageError
from tunelab.guards.refusals import reason_of
from tunelab.inference.attention_form import with_known_attention
from tunelab.inference.embeddings import set_pad_token
from tunelab.models.cache import MANIFEST, entry_hash, is_cached
from tunelab.models.catalog import ModelCard, find
from tunelab.models.folder_checks import check_model_folder, read_config
from tunelab.models.hub_source import is_here as is_on_disk
from tunelab.models.kinds import check_writes, find_language_model
from tunelab.models.pooling import POOLING_FILES
from tunelab.models.shared_weights import shared
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
        UsageError: the name is unknown, its folder is no model, or the model is an encoder.
        RunError: it cannot be fetched, its files cannot be read, or the device has no room.
    """
    card = find_language_model(name)
    folder = fetch(card)
    check_writes(name, read_config(folder / "config.json"))

    def read() -> LoadedModel:
        from transformers import AutoModelForCausalLM

        model = move(read_model(AutoModelForCausalLM, folder, name, dtype=dtype), device, name)
        tokenizer = read_tokenizer(folder, name)
        set_pad_token(tokenizer, model, name)
        return LoadedModel(
            card=card, model=model, tokenizer=tokenizer, folder=folder, hash=folder_hash(folder)
        )

    found = shared(("language model", str(folder), device, dtype), read)
    # Two names can lead to one folder.
    return found if found.card == card else replace(found, card=card)


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a language model, without its weights."""
    return read_tokenizer(fetch(find_language_model(name)), name)


def model_hash(name: str) -> str:
    """The ``hash`` of the loaded model, without loading."""
    return folder_hash(fetch(find(name)))


def read_model(kind: Any, folder: Path, name: str, *, dtype: str, **more: Any) -> Any:
    """What transformers' class ``kind`` reads from the safetensors in a folder; no code is run.

    Raises:
        RunError: it cannot be read.
    """
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        return with_known_attention(
            lambda attention: kind.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                attn_implementation=attention,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                **more,
            )
        )
    except Exception as error:
        raise RunError(
            f"the model {name} cannot be read ({reason_of(error)}); its folder is damaged or "
            "of a kind that transformers does not know."
        ) from None


def move(model: Any, device: str, name: str) -> Any:
    """A model on a device, ready for inference.

    Raises:
        RunError: the device has no room.
    """
    import torch

    try:
        return model.to(device).eval()
    except torch.OutOfMemoryError:
        raise RunError(
            f"the device has no memory left for {name}; choose a smaller model, or device=cpu."
        ) from None


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


def read_tokenizer(folder: Path, name: str) -> Any:
    """The fast tokenizer in a folder, padding on the left.

    Raises:
        UsageError: it has no fast form.
        RunError: it cannot be read.
    """
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


def folder_hash(folder: Path) -> str:
    """SHA-256 that stands for the files of a model."""
    if (folder / MANIFEST).is_file():
        return entry_hash(folder)
    if folder.parent.name == "snapshots":
        # A snapshot of the Hub's cache is named after its commit.
        return hashlib.sha256(folder.name.encode()).hexdigest()
    kinds = ("*.json", "*.jinja", "*.safetensors", "tokenizer.model", "vocab.txt", "merges.txt")
    names = sorted(path for kind in (*kinds, POOLING_FILES) for path in folder.glob(kind))
    parts = [f"{path.relative_to(folder).as_posix()}:{file_hash(path)}" for path in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
