"""A model on the Hugging Face Hub. Honours HF_TOKEN, HF_HOME and HF_HUB_OFFLINE."""

import sys
from pathlib import Path

from tunelab.errors import RunError, UsageError
from tunelab.hub_errors import explain_hub_error
from tunelab.models.catalog import ModelCard
from tunelab.models.folder_source import missing_parts

# Configuration, safetensors and tokenizers: nothing that runs code, and no pickle.
_FILES = ["*.json", "*.safetensors", "tokenizer.model", "*.jinja", "vocab.txt", "merges.txt"]


def fetch(card: ModelCard) -> Path:
    """The local snapshot of a repository, downloaded if there is no whole one.

    A snapshot that is here is used as it is, without a look at the network: a study that goes
    on later must not find another model under the same name.

    Raises:
        UsageError: the name cannot be one of the Hub's.
        RunError: it is gated, missing, without safetensors, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        here = _local_snapshot(card)
        if here is not None:
            return here
        # A missing model or network ends here, before anything is said of a download.
        HfApi().model_info(card.location, timeout=10)
        _tell_licence(card)
        folder = _snapshot(card, local=False)
    except HFValidationError:
        raise UsageError(
            f"{card.location!r} cannot be a model on the Hub; give owner/name, or ./ and a folder."
        ) from None
    except Exception as error:
        raise explain_hub_error(error, f"the model {card.location}", card.location) from None
    if not any(folder.glob("*.safetensors")):
        raise RunError(f"{card.location} has no safetensors, and no other weights are read.")
    return folder


def is_here(card: ModelCard) -> bool:
    """Whether the model can be read without the network."""
    return _local_snapshot(card) is not None


def _local_snapshot(card: ModelCard) -> Path | None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = _snapshot(card, local=True)
    except LocalEntryNotFoundError:
        return None
    needed = ("config.json", "*.safetensors", "tokenizer*")
    whole = all(any(folder.glob(name)) for name in needed) and not missing_parts(folder)
    return folder if whole else None


def _tell_licence(card: ModelCard) -> None:
    known = f"{card.licence} ({card.licence_url})"
    terms = known if card.licence_url else f"what https://huggingface.co/{card.location} says"
    sys.stderr.write(
        f"{card.name} is used under: {terms}. Downloading from the Hugging Face Hub ...\n"
    )
    sys.stderr.flush()


def _snapshot(card: ModelCard, *, local: bool) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            card.location,
            allow_patterns=_FILES,
            ignore_patterns=["original/*", "*/*"],
            etag_timeout=10,
            local_files_only=local,
        )
    )
