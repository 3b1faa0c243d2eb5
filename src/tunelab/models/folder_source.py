"""A model in a local folder, as transformers saves it."""

from pathlib import Path

from tunelab.errors import UsageError
from tunelab.models.catalog import ModelCard


def fetch(card: ModelCard) -> Path:
    """The folder, if it holds a configuration and safetensors.

    Raises:
        UsageError: one of them is missing. Weights in pickled files are never read.
    """
    folder = Path(card.location)
    if not (folder / "config.json").is_file():
        raise UsageError(f"{folder} is no model folder: it holds no config.json.")
    if not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"{folder} holds no *.safetensors; save the model with save_pretrained (pickled "
            "weights such as pytorch_model.bin are never read)."
        )
    return folder
