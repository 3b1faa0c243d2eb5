"""The origin of a model, as far as it matters for comparing two models.

A base and an instruction-tuned model show what instruction tuning does only where the second was
made from the first. Two models of other families, sizes or architectures differ in all of it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from tunelab.models.catalog import CATALOG

Lineage = Mapping[str, Any]

# Texts on which tokenizers differ: scripts, digits, blanks, marks.
_PROBES = (
    "The quick brown fox, isn't it? 1234567 tokens!",
    "  indented\n\tcode(x) == y_2;",
    "کتاب‌هایم را می‌خوانم، 测试 текст naïve façade 🙂",
)


def describe_origin(loaded: Any) -> dict[str, Any]:
    """What a record holds of a loaded model or encoder: name, licence, hash and lineage."""
    card = loaded.card
    return {
        "model": card.name,
        "licence": card.licence,
        "licence_url": card.licence_url,
        "model_hash": loaded.hash,
        "lineage": describe_lineage(card, loaded.model, loaded.tokenizer),
    }


def describe_lineage(card: Any, model: Any, tokenizer: Any) -> dict[str, Any]:
    """What a record keeps of a loaded model's origin.

    ``family`` is the catalog's, else transformers' type of the model. ``architecture`` holds what
    further training leaves as it is. ``tokenizer`` is the same for tokenizers that cut texts
    alike.
    """
    config = model.config
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    shape = [
        getattr(config, name, None)
        for name in ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    ]
    return {
        "family": card.family or str(config.model_type),
        "architecture": " ".join([str(config.model_type), *map(str, shape)]),
        "tokenizer": _fingerprint(tokenizer),
    }


def known_lineage(name: str) -> dict[str, Any] | None:
    """What the catalog knows of a model whose record has no lineage; None where it is not there."""
    card = CATALOG.get(name)
    return None if card is None else {"family": card.family, "architecture": None}


def other_origin(left: Lineage | None, right: Lineage | None) -> bool:
    """Whether two models cannot have been made from one another; False where it is not known."""
    if left is None or right is None:
        return False
    architectures = left.get("architecture"), right.get("architecture")
    if None not in architectures:
        return architectures[0] != architectures[1]
    families = left.get("family"), right.get("family")
    return None not in families and families[0] != families[1]


def short_model_name(name: str) -> str:
    """A model's name for a sentence: of a folder the last part of its path."""
    return PurePath(name).name or name


def _fingerprint(tokenizer: Any) -> str:
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in _PROBES]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
