"""How an encoder's vectors of tokens become one vector of a text, as its own files say.

The files are those of sentence-transformers: ``modules.json`` names the steps behind the encoder,
the folder of the pooling step holds its settings, and ``sentence_bert_config.json`` the longest
text in tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import read_bounded, within
from tunelab.models.folder_checks import read_config

MODULES = "modules.json"
# The file of the pooling step in a model's folder, as sentence-transformers numbers its steps.
POOLING_FILES = "[0-9]*_Pooling/config.json"
_LENGTHS, _PROMPTS = "sentence_bert_config.json", "config_sentence_transformers.json"
_LARGEST = 5_000_000
_MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True)
class Pooling:
    """``mode`` is mean (of all tokens) or cls (the first one); ``normalize``: to length 1.

    ``most_tokens`` is the longest text, None where the files do not say. ``lower``: texts are put
    in lower case first. ``prefix`` stands before each text.
    """

    mode: str = "mean"
    normalize: bool = False
    most_tokens: int | None = None
    lower: bool = False
    prefix: str = ""


def read_pooling(folder: Path) -> Pooling:
    """What the files in a model's folder say; the mean of all tokens where there are none.

    Raises:
        UsageError: they are damaged, or name a step or a pooling that is not known here.
    """
    steps = _steps(folder)
    if not steps:
        return Pooling()
    settings = _optional(folder / _LENGTHS)
    whole = _optional(folder / _PROMPTS)
    most, prompts = settings.get("max_seq_length"), whole.get("prompts")
    default = whole.get("default_prompt_name")
    prefix = prompts.get(default, "") if isinstance(prompts, dict) and default else ""
    kinds = [kind for kind, _ in steps]
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise UsageError(
            f"{folder / MODULES} names the steps {', '.join(kinds)[:120]}; tunelab knows "
            "Transformer, Pooling and Normalize, in this order. Choose another encoder."
        )
    return Pooling(
        mode=_mode(pooling_file(folder, steps[1][1])),
        normalize="Normalize" in kinds,
        most_tokens=most if type(most) is int and most > 2 else None,
        lower=settings.get("do_lower_case") is True,
        prefix=prefix if isinstance(prefix, str) else "",
    )


def has_pooling(folder: Path) -> bool:
    """Whether the file that ``modules.json`` names is there, if it names one."""
    try:
        paths = [path for kind, path in _steps(folder) if kind == "Pooling"]
        return all(pooling_file(folder, path).is_file() for path in paths)
    except UsageError:
        return False


def pooling_files(folder: Path) -> list[Path]:
    """The files in a model's folder that :func:`read_pooling` reads."""
    steps = [pooling_file(folder, path) for kind, path in _steps(folder) if kind == "Pooling"]
    named = [folder / name for name in (MODULES, _LENGTHS, _PROMPTS)]
    return [file for file in (*named, *steps) if file.is_file()]


def pooling_file(folder: Path, path: str) -> Path:
    """The settings of the pooling step at a path in a model's folder.

    Raises:
        UsageError: the path leads out of the folder.
    """
    return within(folder, folder / path / "config.json")


def _mode(path: Path) -> str:
    settings = read_config(path)
    named = settings.get("pooling_mode")
    on = [str(key) for key, value in settings.items() if key in _MODES and value is True]
    others = [
        str(key)
        for key, value in settings.items()
        if key.startswith("pooling_mode_") and value is True and key not in _MODES
    ]
    if named is None and len(on) == 1 and not others:
        return _MODES[on[0]]
    if named in _MODES.values() and not on and not others:
        return str(named)
    found = ", ".join([*on, *others]) or str(named)
    raise UsageError(
        f"{path} asks for {found[:120]}; tunelab knows the mean of the tokens and the first token "
        "(cls). Choose another encoder."
    )


def _steps(folder: Path) -> list[tuple[str, str]]:
    """The kind of each step and its folder, in order."""
    path = folder / MODULES
    if not path.is_file():
        return []
    try:
        read = json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
        return [(str(step["type"]).rpartition(".")[2], str(step["path"])) for step in read]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{path} is damaged; copy the model again.") from None


def _optional(path: Path) -> Mapping[str, Any]:
    return read_config(path) if path.is_file() else {}
