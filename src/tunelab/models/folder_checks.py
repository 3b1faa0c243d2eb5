"""Checks of a model's folder, which may be a stranger's, before transformers opens it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import check_links, read_bounded

_LARGEST_CONFIG = 5_000_000
# More layers, heads or experts than any model has, by far.
_MOST_PARTS = 200_000
_MOST_LAYERS = 1_000
# Weights that a configuration may speak of for each byte of the files: 4-bit ones have two.
_WEIGHTS_PER_BYTE = 16
_FREE = 1_000_000
_LAYERS = {"num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers"}


def check_model_folder(folder: Path) -> None:
    """Refuse a folder with links out of it, with code, or with weights that are not there.

    Raises:
        UsageError: as :func:`check_configuration`; or the folder holds an adapter's
            configuration, by which transformers would load another model; or its configuration
            speaks of far more weights than its files hold.
    """
    if (folder / "adapter_config.json").exists():
        raise UsageError(
            f"{folder} is an adapter, or a model with one beside it; name the folder of the base "
            "model, or the adapter with --adapter."
        )
    config = check_configuration(folder)
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if any(_weights(section) > _FREE + _WEIGHTS_PER_BYTE * weights for section in config):
        raise _too_large(folder)


def check_configuration(folder: Path) -> list[Mapping[str, Any]]:
    """The configuration of a model and those within it, if they are such as a model has.

    Raises:
        UsageError: a link leads out of the folder; the configuration is no JSON, asks for code of
            its own, or speaks of more parts than any model has.
    """
    check_links(folder)
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        if (folder / name).exists() and "auto_map" in read_config(folder / name):
            raise UsageError(
                f"{folder / name} asks for code that comes with the model (auto_map), which is "
                "never run; choose a model that transformers knows by itself."
            )
    sections = list(_sections(read_config(folder / "config.json")))
    if any(_has_too_many_parts(section) for section in sections):
        raise _too_large(folder)
    return sections


def read_config(path: Path) -> dict[str, Any]:
    """A JSON file of settings beside a model.

    Raises:
        UsageError: it is missing, no JSON object, too large, or leads out of its folder.
    """
    try:
        values = json.loads(read_bounded(path, _LARGEST_CONFIG).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}.") from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError(f"{path} is damaged: it is not a JSON object; copy the model again.")
    return values


def _too_large(folder: Path) -> UsageError:
    return UsageError(
        f"{folder / 'config.json'} describes a far larger model than its safetensors hold, or than "
        "there is; copy the model again."
    )


def _numbers(section: Mapping[str, Any]) -> dict[str, int]:
    return {key: abs(value) for key, value in section.items() if type(value) is int}


def _has_too_many_parts(section: Mapping[str, Any]) -> bool:
    numbers = _numbers(section)
    layers = max((numbers.get(key, 0) for key in _LAYERS), default=0)
    parts = [value for key, value in numbers.items() if key.startswith(("num_", "n_"))]
    experts = [value for key, value in numbers.items() if "experts" in key]
    return (
        layers > _MOST_LAYERS
        or max(parts, default=0) > _MOST_PARTS
        or layers * max(experts, default=0) > _MOST_PARTS
    )


def _weights(section: Mapping[str, Any]) -> int:
    """Weights that a configuration speaks of at the least."""
    numbers = _numbers(section)
    layers = max((numbers.get(key, 0) for key in _LAYERS), default=0)
    hidden = max(numbers.get("hidden_size", 0), numbers.get("n_embd", 0))
    inner = max(numbers.get("intermediate_size", 0), numbers.get("n_inner", 0), hidden)
    return max(numbers.get("vocab_size", 0) * min(hidden, 64), layers * hidden * inner)


def _sections(values: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """A configuration and those within it, as of the text part of a model that also sees."""
    yield values
    for value in values.values():
        if isinstance(value, Mapping) and depth < 4:
            yield from _sections(value, depth + 1)
