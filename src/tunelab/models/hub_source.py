"""A model on the Hugging Face Hub."""

import sys
from pathlib import Path

from tunelab.errors import RunError
from tunelab.hub import download, local_copy
from tunelab.models.catalog import ModelCard
from tunelab.models.folder_source import missing_parts
from tunelab.models.pooling import has_pooling

# Configuration, safetensors and tokenizers: nothing that runs code, and no pickle.
_FILES = ["*.json", "*.safetensors", "tokenizer.model", "*.jinja", "vocab.txt", "merges.txt"]
# Of the folders in it only 1_Pooling is of use, by which an encoder says how it is to be read.
_IGNORED = ["[!1]*/*", "1[!_]*/*", "1_[!P]*/*"]
_NEEDED = ("config.json", "*.safetensors", "tokenizer*")


def fetch(card: ModelCard) -> Path:
    """The local snapshot of a repository, downloaded if there is no complete one.

    Raises:
        UsageError: the name cannot be one of the Hub's.
        RunError: it is gated, missing, without safetensors, or cannot be reached.
    """
    folder = download(
        card.location,
        _FILES,
        what="model",
        ignore=_IGNORED,
        is_complete=_is_complete,
        announce=lambda: _show_licence(card),
    )
    if not any(folder.glob("*.safetensors")):
        raise RunError(f"{card.location} has no safetensors, and no other weights are read.")
    return folder


def is_here(card: ModelCard) -> bool:
    """Whether the model can be read without the network."""
    here = local_copy(card.location, _FILES, is_complete=_is_complete, ignore=_IGNORED)
    return here is not None


def _is_complete(folder: Path) -> bool:
    parts = all(any(folder.glob(name)) for name in _NEEDED) and not missing_parts(folder)
    return parts and has_pooling(folder)


def _show_licence(card: ModelCard) -> None:
    known = f"{card.licence} ({card.licence_url})"
    terms = known if card.licence_url else f"what https://huggingface.co/{card.location} says"
    sys.stderr.write(
        f"{card.name} is used under: {terms}. Downloading from the Hugging Face Hub ...\n"
    )
    sys.stderr.flush()
