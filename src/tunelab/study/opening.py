"""Open a study: a preset's name or a file, with overrides, every name in it resolved."""

import logging
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tunelab.config import Study, make_study
from tunelab.data.readers import EXTENSIONS, kind_of
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path
from tunelab.guards.strict_yaml import apply_overrides, read_keys
from tunelab.registry import check_name, unknown
from tunelab.study.resolution import check_names


def preset_names() -> list[str]:
    """The studies that come with tunelab."""
    folder = files("tunelab.study") / "presets"
    return sorted(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


def read_preset(name: str) -> dict[str, Any]:
    """The keys of a preset, and of those that it extends.

    Raises:
        UsageError: there is no such preset.
    """
    return read_extended(_preset_path(check_name("preset", name, preset_names())))


_log = logging.getLogger(__name__)

EXTENDS = "extends"
_MOST_PARENTS = 20


def open_study(name: str, overrides: Sequence[str] = ()) -> Study:
    """Read a study, put the overrides in, check every key and resolve every name.

    For a file of labelled texts it is the study that :func:`.first_look.propose_study` proposes,
    and the log says what was taken.

    Raises:
        UsageError: no such preset or file, an unknown key or name, or a value of the wrong type.
    """
    path = _find(name)
    values = _proposed(path) if is_data_file(path) else read_extended(path)
    study = make_study(apply_overrides(values, overrides))
    check_names(study)
    return study


def is_data_file(path: Path) -> bool:
    """Whether a file holds labelled texts, by its name, rather than a study."""
    return kind_of(path) in EXTENSIONS


def _proposed(path: Path) -> dict[str, Any]:
    from tunelab.study.first_look import describe, look_at, plain_name, propose_study

    look = look_at(str(path))
    for line in describe(look):
        _log.warning("%s", line)
    return propose_study(look, plain_name(str(path)))


def read_extended(path: Path) -> dict[str, Any]:
    """Read a study file, and under its keys those of the study that ``extends`` names.

    ``extends`` is the name of a preset, or the path of a file, relative to the file that names
    it. Sections are merged key by key; a list or a plain value replaces the one that it extends.

    Raises:
        UsageError: a file cannot be read, or the files extend each other in a circle.
    """
    chain = [path]
    layers = [read_keys(path)]
    while EXTENDS in layers[-1]:
        parent = layers[-1].pop(EXTENDS)
        if not isinstance(parent, str) or not parent:
            raise UsageError(
                f"{chain[-1]}: extends must be the name of a preset or the path of a study file."
            )
        path = _find_parent(parent, chain[-1].parent)
        if path.resolve() in {one.resolve() for one in chain} or len(chain) > _MOST_PARENTS:
            names = " -> ".join(one.name for one in (*chain, path))
            raise UsageError(f"studies extend each other in a circle: {names}.")
        chain.append(path)
        layers.append(read_keys(path))
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        values = merge_sections(values, layer)
    return values


def merge_sections(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` put on ``under``: dictionaries are merged, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_sections(below, value)
        else:
            merged[key] = value
    return merged


def _find_parent(name: str, folder: Path) -> Path:
    if name in preset_names():
        return _find(name)
    beside = folder / name
    return beside if beside.is_file() else _find(name)


def _preset_path(name: str) -> Path:
    return Path(str(files("tunelab.study") / "presets" / f"{name}.yaml"))


def _find(name: str) -> Path:
    presets = preset_names()
    if name in presets:
        return _preset_path(name)
    path = home_path(name)
    try:
        there = path.exists()
    except OSError as error:
        raise UsageError(f"cannot open the study {name[:100]!r}: {error.strerror}.") from None
    if path.is_dir():
        raise UsageError(
            f"{name} is a folder; name a study file or one of {', '.join(presets)}. For a folder "
            f"of labelled files, write a study first: tunelab init {name}."
        )
    if there or path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        return path
    raise unknown("preset or study file", name, presets)
