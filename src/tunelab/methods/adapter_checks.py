"""What is looked at in an adapter's folder before PEFT opens it: it may be a stranger's.

An adapter's configuration can name modules to import, weights in pickled files, models to fetch
and matrices of any size. Only what tunelab's own methods write is read.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import check_links, check_regular, is_folder
from tunelab.methods.contract import AdapterFiles, find_method
from tunelab.models.folder_checks import read_config

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# What may differ from PEFT's own defaults whatever the method is.
_EVERYWHERE = {
    *("peft_type", "task_type", "inference_mode", "base_model_name_or_path", "peft_version"),
    *("revision",),
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
    known = [one for name in registry.METHODS if (one := find_method(name).adapter)]
    files = [one for one in known if one.peft_type == kind]
    if not isinstance(kind, str) or not files:
        kinds = dict.fromkeys(one.peft_type for one in known)
        raise UsageError(
            f"{folder / CONFIG}: peft_type {str(kind)[:60]!r} is not a method of tunelab; it has "
            f"{', '.join(kinds)}."
        )
    _check_settings(folder, kind, _EVERYWHERE.union(*(one.settings for one in files)), values)
    shapes = _read_shapes(folder)
    if not any(_fits(one, values, shapes) for one in files):
        raise UsageError(
            f"{folder / CONFIG} and {WEIGHTS} do not fit each other; train the adapter again."
        )


def _check_settings(folder: Path, kind: str, allowed: set[str], values: Mapping[str, Any]) -> None:
    defaults = _defaults(kind)
    for key, value in values.items():
        known = key in allowed or (key in defaults and value == defaults[key])
        if not known and value not in (None, False, [], {}):
            raise UsageError(
                f"{folder / CONFIG}: the setting {key[:60]!r} is not one that tunelab "
                "writes, so the adapter is not read; train it again."
            )
        whole = type(value) is not int or 0 <= value <= _LARGEST_NUMBER
        if not whole or not _plain(key, value):
            raise UsageError(
                f"{folder / CONFIG}: {key[:60]} has a value that tunelab never writes; train the "
                "adapter again."
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


def _read_shapes(folder: Path) -> dict[str, Sequence[int]]:
    """The sizes of the weights, which the file's own bound."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as weights:
            return {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(
            f"{folder / WEIGHTS} is not a complete safetensors file ({str(error)[:120]}); train "
            "the adapter again."
        ) from None


def _fits(
    files: AdapterFiles, values: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]
) -> bool:
    try:
        return files.fits(values, shapes)
    except (TypeError, ValueError, KeyError):
        # A size that is no number.
        return False


def _defaults(kind: str) -> Mapping[str, Any]:
    from peft import PEFT_TYPE_TO_CONFIG_MAPPING

    config: Mapping[str, Any] = PEFT_TYPE_TO_CONFIG_MAPPING[kind]().to_dict()
    return config
