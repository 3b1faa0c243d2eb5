"""Open a study: a preset's name or a file, with overrides, every name in it resolved."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from tunelab.bounded_files import home_path
from tunelab.config import Study, make_study
from tunelab.errors import UsageError
from tunelab.registry import unknown
from tunelab.strict_yaml import apply_overrides, read_keys
from tunelab.study.resolution import check_names


def preset_names() -> list[str]:
    """The studies that come with tunelab."""
    folder = files("tunelab.study") / "presets"
    return sorted(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


def open_study(name: str, overrides: Sequence[str] = ()) -> Study:
    """Read a study, put the overrides in, check every key and resolve every name.

    Raises:
        UsageError: no such preset or file, an unknown key or name, or a value of the wrong type.
    """
    values = read_keys(_find(name))
    study = make_study(apply_overrides(values, overrides))
    check_names(study)
    return study


def _find(name: str) -> Path:
    presets = preset_names()
    if name in presets:
        return Path(str(files("tunelab.study") / "presets" / f"{name}.yaml"))
    path = home_path(name)
    try:
        there = path.exists()
    except OSError as error:
        raise UsageError(f"cannot open the study {name[:100]!r}: {error.strerror}.") from None
    if path.is_dir():
        raise UsageError(f"{name} is a folder; name a study file or one of {', '.join(presets)}.")
    if there or path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        return path
    raise unknown("preset or study file", name, presets)
