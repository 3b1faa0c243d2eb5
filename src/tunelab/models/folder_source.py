"""A model in a local folder, as transformers saves it."""

import json
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import read_bounded, within
from tunelab.models.catalog import ModelCard

_LARGEST_INDEX = 50_000_000


def fetch(card: ModelCard) -> Path:
    """The folder, if it holds a configuration and safetensors.

    Raises:
        UsageError: one of them is missing, or one of the parts that the weights are split
            into. Weights in pickled files are never read.
    """
    folder = Path(card.location)
    if not (folder / "config.json").is_file():
        raise UsageError(f"{folder} is not a model folder: it holds no config.json.")
    if not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"{folder} holds no *.safetensors; save the model with save_pretrained (pickled "
            "weights such as pytorch_model.bin are never read)."
        )
    missing = missing_parts(folder)
    if missing:
        raise UsageError(f"{folder} is not whole: {', '.join(missing)} is missing; copy it again.")
    return folder


def missing_parts(folder: Path) -> list[str]:
    """The safetensors files that the index of split weights names and the folder lacks.

    Raises:
        UsageError: the index is no JSON of that form, or names a file outside the folder.
    """
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return []
    try:
        read = json.loads(read_bounded(index, _LARGEST_INDEX).decode("utf-8"))
        names = set(read["weight_map"].values())
        return sorted(name for name in names if not within(folder, folder / name).is_file())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        raise UsageError(f"{index} is damaged; copy the model again.") from None
