"""Load a model that tells whether one text follows from another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.inference.embeddings import set_pad_token
from tunelab.models.catalog import ModelCard, find
from tunelab.models.encoders import most_tokens
from tunelab.models.folder_checks import read_config
from tunelab.models.loading import fetch, folder_hash, is_here, move, read_model, read_tokenizer

# How the label of a sequence classification model begins that says that a text follows.
_FOLLOWS = "entail"


@dataclass(frozen=True)
class EntailmentModel:
    """A sequence classification model. ``column`` is that of entailment in its logits.

    ``most_tokens`` of a pair of texts are read, the special ones included.
    """

    card: ModelCard
    model: Any
    tokenizer: Any
    folder: Path
    hash: str
    column: int
    most_tokens: int


def load_entailment(name: str, *, device: str, dtype: str) -> EntailmentModel:
    """Load the model for inference.

    Raises:
        UsageError: it has no label of entailment.
        RunError: it cannot be fetched or read, or the device has no room.
    """
    from transformers import AutoModelForSequenceClassification

    card = find(name)
    folder = fetch(card)
    column = entailment_column(name, read_config(folder / "config.json"))
    kind = AutoModelForSequenceClassification
    model, told = read_model(kind, folder, name, dtype=dtype, output_loading_info=True)
    if told["missing_keys"]:
        raise RunError(
            f"the safetensors of {name} lack {len(told['missing_keys'])} weights of its "
            f"configuration, such as {min(told['missing_keys'])}; copy the model again."
        )
    tokenizer = read_tokenizer(folder, name)
    tokenizer.padding_side = "right"
    # Text from data is data: "[SEP]" in it must not become the control token.
    tokenizer.split_special_tokens = True
    set_pad_token(tokenizer, model, name)
    return EntailmentModel(
        card=card,
        model=move(model, device, name),
        tokenizer=tokenizer,
        folder=folder,
        hash=folder_hash(folder),
        column=column,
        most_tokens=most_tokens(model, tokenizer),
    )


def check_entailment(name: str) -> None:
    """Refuse a model without a label of entailment, as far as that is known without a download.

    Raises:
        UsageError: as said, or the name is unknown.
    """
    card = find(name)
    if is_here(name):
        entailment_column(name, read_config(fetch(card) / "config.json"))


def entailment_column(name: str, config: Mapping[str, Any]) -> int:
    """The index of entailment among the labels of a config.json.

    Raises:
        UsageError: it is no sequence classification model with such a label.
    """
    labels, classes = config.get("id2label"), config.get("architectures")
    found = [
        index
        for index, label in (labels.items() if isinstance(labels, dict) else ())
        if str(label).casefold().startswith(_FOLLOWS) and str(index).isdecimal()
    ]
    classifies = isinstance(classes, list) and any(
        str(one).endswith("ForSequenceClassification") for one in classes
    )
    if len(found) != 1 or not classifies:
        raise UsageError(
            f"{name} has no label of entailment, so it cannot tell whether a hypothesis follows "
            "from a text; name a model that was trained on natural language inference."
        )
    return int(found[0])
