"""Language models, which write text, and encoders, which read it into vectors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.models.catalog import ModelCard, find
from tunelab.models.folder_checks import read_config

ENCODER = "encoder"
# The head through which a fine-tuned model labels texts, beside what its method saves.
HEAD_FILE = "label_head.safetensors"
# transformers' names of the families that are trained to fill in masked words, and whose AutoModel
# gives a vector for each token of a text.
_FAMILIES = {
    *("albert", "bert", "big_bird", "camembert", "convbert", "data2vec-text", "deberta"),
    *("deberta-v2", "distilbert", "electra", "ernie", "eurobert", "ibert", "longformer"),
    *("megatron-bert", "mobilebert", "modernbert", "mpnet", "nomic_bert", "nystromformer"),
    *("rembert", "roberta", "roberta-prelayernorm", "roformer", "squeezebert", "xlm-roberta"),
    "xlm-roberta-xl",
}
# How transformers' classes of language models end.
_WRITERS = ("ForCausalLM", "LMHeadModel", "WithLMHead", "ForConditionalGeneration")


def find_language_model(name: str) -> ModelCard:
    """As :func:`tunelab.models.catalog.find`, for a model that is to write text.

    Raises:
        UsageError: the name is unknown, or it is an encoder's by the catalog or by the folder; or
            the folder is that of a classifier with a head.
    """
    card = find(name)
    if card.kind == ENCODER:
        raise _writes_nothing(name)
    if card.source == "folder" and (Path(card.location) / HEAD_FILE).is_file():
        raise UsageError(
            f"{name} labels texts through a head and writes none; name a language model here, or "
            f"label a file with it: tunelab predict FILE --adapter {name}."
        )
    if card.source == "folder" and (Path(card.location) / "config.json").is_file():
        check_writes(name, read_config(Path(card.location) / "config.json"))
    return card


def find_encoder(name: str) -> ModelCard:
    """As :func:`tunelab.models.catalog.find`, for a model that is to read text into vectors.

    Raises:
        UsageError: the name is unknown, or it is a language model's by the catalog or the folder.
    """
    card = find(name)
    if card.kind in ("base", "instruct"):
        raise _is_no_encoder(name, card.kind)
    if card.source == "folder" and (Path(card.location) / "config.json").is_file():
        check_encodes(name, read_config(Path(card.location) / "config.json"))
    return card


def check_writes(name: str, config: Mapping[str, Any]) -> None:
    """Refuse an encoder where a language model is wanted; ``config`` is the model's config.json.

    A configuration that names no architecture is that of a model to be made, and may be either.

    Raises:
        UsageError: as said.
    """
    if config.get("architectures") and is_encoder(config):
        raise _writes_nothing(name)


def check_encodes(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a model that is no encoder where one is wanted.

    Raises:
        UsageError: as said.
    """
    if not is_encoder(config):
        raise _is_no_encoder(name, str(config.get("model_type"))[:60])


def is_encoder(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is that of an encoder, whatever head was saved with it."""
    architectures = config.get("architectures")
    named = architectures if isinstance(architectures, list) else []
    return (
        config.get("model_type") in _FAMILIES
        and not config.get("is_decoder")
        and not any(str(name).endswith(_WRITERS) for name in named)
    )


def _writes_nothing(name: str) -> UsageError:
    return UsageError(
        f"{name} is an encoder, which reads text and writes none; name a language model here, or "
        "use the encoder in a classifier (use: embedding or encoder)."
    )


def _is_no_encoder(name: str, kind: str) -> UsageError:
    return UsageError(
        f"{name} is no encoder (its kind is {kind}); name one such as all-minilm-l6-v2, or a BERT, "
        "RoBERTa or ModernBERT model, or use a language model by models and methods."
    )
