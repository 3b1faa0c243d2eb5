"""Load an encoder by name, with the way in which its vectors become one of a text."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tunelab.errors import RunError
from tunelab.inference.embeddings import set_pad_token
from tunelab.inference.text_packing import first_position
from tunelab.models.catalog import ModelCard
from tunelab.models.folder_checks import read_config
from tunelab.models.kinds import check_encodes, find_encoder
from tunelab.models.loading import fetch, folder_hash, move, read_model, read_tokenizer
from tunelab.models.pooling import Pooling, read_pooling
from tunelab.models.shared_weights import shared

# Positions where neither the encoder nor its tokenizer says how many it has.
_TOKENS = 512
# A part of an encoder that its vectors of tokens do not pass through.
_ASIDE = ("pooler.", "cls.", "lm_head.", "classifier.")


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder that is ready to run. ``hash`` identifies its files.

    ``most_tokens`` of a text are read, the special ones included, as its files say; it has
    ``positions`` for so many.
    """

    card: ModelCard
    model: Any
    tokenizer: Any
    folder: Path
    hash: str
    pooling: Pooling
    most_tokens: int
    positions: int

    @cached_property
    def key(self) -> str:
        """SHA-256 of what decides the vector of a text: files, pooling, device and precision."""
        parts = {
            "model": self.hash,
            "pooling": asdict(self.pooling),
            "tokens": self.most_tokens,
            "device": self.model.device.type,
            "dtype": str(self.model.dtype),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load_encoder(name: str, *, device: str = "cpu", dtype: str = "float32") -> LoadedEncoder:
    """Load an encoder for inference, its tokenizer padding on the right.

    Raises:
        UsageError: the name is unknown, its folder is no model, or the model is no encoder; or its
            files ask for a pooling that is not known.
        RunError: it cannot be fetched, its files cannot be read, or the device has no room.
    """
    card = find_encoder(name)
    folder = fetch(card)
    check_encodes(name, read_config(folder / "config.json"))

    def read() -> LoadedEncoder:
        return _read(card, folder, name, device=device, dtype=dtype)

    found = shared(("encoder", str(folder), device, dtype), read)
    return found if found.card == card else replace(found, card=card)


def _read(card: ModelCard, folder: Path, name: str, *, device: str, dtype: str) -> LoadedEncoder:
    from transformers import AutoModel

    pooling = read_pooling(folder)
    model, told = read_model(AutoModel, folder, name, dtype=dtype, output_loading_info=True)
    missing = sorted(key for key in told["missing_keys"] if not key.startswith(_ASIDE))
    if missing:
        raise RunError(
            f"the safetensors of {name} lack {len(missing)} weights of its configuration, such as "
            f"{missing[0]}; copy the model again."
        )
    model = move(model, device, name)
    tokenizer = read_tokenizer(folder, name)
    tokenizer.padding_side = "right"
    # Text from data is data: "[SEP]" in it must not become the control token.
    tokenizer.split_special_tokens = True
    set_pad_token(tokenizer, model, name)
    return LoadedEncoder(
        card=card,
        model=model,
        tokenizer=tokenizer,
        folder=folder,
        hash=folder_hash(folder),
        pooling=pooling,
        most_tokens=most_tokens(model, tokenizer, pooling.most_tokens),
        positions=positions(model),
    )


def most_tokens(model: Any, tokenizer: Any, named: int | None = None) -> int:
    """The longest text that a model's positions hold, or that its files name (``named``)."""
    room = positions(model)
    return max(3, min(room, int(tokenizer.model_max_length), named or room))


def positions(model: Any) -> int:
    """How many tokens of a text a model has positions for."""
    found = getattr(model.config, "max_position_embeddings", None)
    room = found if type(found) is int and found > 0 else _TOKENS
    return room - first_position(model)
