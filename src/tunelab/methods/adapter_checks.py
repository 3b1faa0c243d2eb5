"""What is looked at in an adapter's folder before PEFT opens it: it may be a stranger's.

An adapter's configuration can name modules to import, weights in pickled files, models to fetch
and matrices of any size. Only what tunelab's own methods write is read.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.bounded_files import check_links, check_regular, is_folder
from tunelab.errors import UsageError
from tunelab.models.folder_checks import read_config

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# What may differ from PEFT's own defaults, by its name of the method.
_EVERYWHERE = {
    *("peft_type", "task_type", "inference_mode", "base_model_name_or_path", "peft_version"),
    *("revision",),
}
_PROMPT = {
    *("num_virtual_tokens", "token_dim", "num_transformer_submodules"),
    *("num_attention_heads", "num_layers", "modules_to_save"),
}
_ALLOWED: Mapping[str, set[str]] = {
    "LORA": {
        *("r", "lora_alpha", "lora_dropout", "target_modules", "use_dora", "use_rslora"),
        "fan_in_fan_out",
    },
    "IA3": {"target_modules", "feedforward_modules", "fan_in_fan_out"},
    "PROMPT_TUNING": _PROMPT,
    "PREFIX_TUNING": {*_PROMPT, "encoder_hidden_size", "prefix_projection"},
    "P_TUNING": {*_PROMPT, "encoder_hidden_size"},
}
_NAME = re.compile(r"[A-Za-z0-9_.]{1,200}")
_LARGEST_NUMBER = 1_000_000


def check_adapter(folder: Path) -> None:
    """Refuse an adapter that holds anything else than numbers for a method that tunelab has.

    Raises:
        UsageError: a link leads out of the folder; there are no safetensors (pickled weights
            such as adapter_model.bin are never read); a setting is none of the method's; or the
            sizes that it names are not those of its weights.
    """
    if not is_folder(folder):
        raise UsageError(f"there is no adapter folder {str(folder)!r}.")
    check_links(folder)
    values = read_config(folder / CONFIG)
    try:
        check_regular(folder / WEIGHTS)
    except OSError:
        raise UsageError(
            f"{folder} holds no {WEIGHTS} (pickled weights such as adapter_model.bin are never "
            "read); train the adapter again."
        ) from None
    kind = values.get("peft_type")
    if not isinstance(kind, str) or kind not in _ALLOWED:
        raise UsageError(
            f"{folder / CONFIG}: peft_type {str(kind)[:60]!r} is no method of tunelab's; it has "
            f"{', '.join(_ALLOWED)}."
        )
    _check_settings(folder, kind, values)
    _check_sizes(folder, kind, values)


def _check_settings(folder: Path, kind: str, values: Mapping[str, Any]) -> None:
    allowed = _EVERYWHERE | _ALLOWED[kind]
    defaults = _defaults(kind)
    for key, value in values.items():
        known = key in allowed or (key in defaults and value == defaults[key])
        if not known and value not in (None, False, [], {}):
            raise UsageError(
                f"{folder / CONFIG}: the setting {key[:60]!r} is none that tunelab's methods "
                "write, so the adapter is not read; train it again."
            )
        whole = type(value) is not int or 0 <= value <= _LARGEST_NUMBER
        if not whole or not _plain(key, value):
            raise UsageError(
                f"{folder / CONFIG}: {key[:60]} holds what no adapter of tunelab's does; train it "
                "again."
            )


def _plain(key: str, value: Any) -> bool:
    """Whether modules are a list of names: PEFT takes a text for a regular expression."""
    if key not in ("target_modules", "feedforward_modules", "modules_to_save") or value is None:
        return True
    return (
        isinstance(value, list)
        and len(value) <= 10_000
        and all(isinstance(name, str) and _NAME.fullmatch(name) for name in value)
    )


def _check_sizes(folder: Path, kind: str, values: Mapping[str, Any]) -> None:
    """The sizes in the configuration against those of the weights, which the file's own bound."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as weights:
            shapes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(
            f"{folder / WEIGHTS} is not a complete safetensors file ({str(error)[:120]}); train "
            "the adapter again."
        ) from None
    if kind == "IA3":
        fits = bool(shapes)
    elif kind == "LORA":
        thin = [shape for name, shape in shapes.items() if name.endswith("lora_A.weight")]
        fits = bool(thin) and all(shape[:1] == [values.get("r")] for shape in thin)
    else:
        width = values.get("token_dim")
        if kind == "PREFIX_TUNING" and isinstance(width, int):
            width *= 2 * int(values.get("num_layers") or 0)
        fits = shapes == {"prompt_embeddings": [values.get("num_virtual_tokens"), width]}
    if not fits:
        raise UsageError(
            f"{folder / CONFIG} and {WEIGHTS} do not fit each other; train the adapter again."
        )


def _defaults(kind: str) -> Mapping[str, Any]:
    from peft import PEFT_TYPE_TO_CONFIG_MAPPING

    config: Mapping[str, Any] = PEFT_TYPE_TO_CONFIG_MAPPING[kind]().to_dict()
    return config
