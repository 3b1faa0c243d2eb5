"""A model on the Hugging Face Hub. Honours HF_TOKEN, HF_HOME and HF_HUB_OFFLINE."""

from pathlib import Path

from tunelab.errors import RunError
from tunelab.hub_errors import explain_hub_error
from tunelab.models.catalog import ModelCard

# Configuration, safetensors and tokenizers: nothing that runs code, and no pickle.
_FILES = ["*.json", "*.safetensors", "tokenizer.model", "*.jinja", "vocab.txt", "merges.txt"]


def fetch(card: ModelCard) -> Path:
    """The local snapshot of a repository, downloaded if need be.

    Raises:
        RunError: it is gated, missing, without safetensors, or cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                card.location,
                allow_patterns=_FILES,
                ignore_patterns=["original/*", "*/*"],
                etag_timeout=10,
            )
        )
    except Exception as error:
        raise explain_hub_error(error, f"the model {card.location}", card.location) from None
    if not any(folder.glob("*.safetensors")):
        raise RunError(f"{card.location} has no safetensors, and no other weights are read.")
    return folder
