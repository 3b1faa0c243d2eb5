"""The shape and the configuration of a model by its name, without weights and, for known models,
offline.
"""

from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.hub import download
from tunelab.models.catalog import CATALOG
from tunelab.models.decoders import decoder_shape
from tunelab.models.description import ModelShape
from tunelab.models.folder_checks import check_configuration, read_config
from tunelab.models.kinds import check_writes, find_language_model
from tunelab.models.known import KNOWN, OTHER_NAMES, known_shape
from tunelab.models.shape import read_configuration, shape_of
from tunelab.registry import unknown


def shape_by_name(name: str, *, fetch: bool = True) -> ModelShape:
    """The shape of a known model, of a folder's, or of a Hub repository's.

    transformers is needed only for families that :mod:`tunelab.models.decoders` does not have.

    Raises:
        UsageError: the name is none of these, or the folder has no config.json; or only the Hub
            knows it, and ``fetch`` is False.
        RunError: transformers cannot read it, or the Hub does not give it.
    """
    name = OTHER_NAMES.get(name, name)
    if name in KNOWN:
        return known_shape(name)
    folder = _folder(name, fetch=fetch)
    return decoder_shape(read_config(folder / "config.json")) or shape_of(
        read_configuration(folder)
    )


def configuration(name: str) -> Any:
    """The transformers configuration of a known model, a folder's or a Hub repository's.

    Nothing is asked of the Hub for a model that is known.

    Raises:
        UsageError: the name is none of these, or the folder has no config.json.
        RunError: transformers cannot read it, or the Hub does not give it.
    """
    name = OTHER_NAMES.get(name, name)
    if name not in KNOWN:
        return read_configuration(_folder(name))
    from transformers import AutoConfig

    values = dict(KNOWN[name])
    return AutoConfig.for_model(values.pop("model_type"), **values)


def _folder(name: str, *, fetch: bool = True) -> Path:
    """The folder with the config.json of a model that is not known, which has been checked."""
    try:
        card = find_language_model(name)
    except UsageError:
        if "/" in name or name in CATALOG:
            raise
        raise unknown("model", name, [*KNOWN, *OTHER_NAMES]) from None
    if card.source != "folder" and not fetch:
        raise UsageError(f"the configuration of {name} is known to the Hub alone.")
    folder = Path(card.location) if card.source == "folder" else _from_hub(card.location)
    if not (folder / "config.json").is_file():
        raise UsageError(f"{folder} is not a model folder: it holds no config.json.")
    check_configuration(folder)
    check_writes(name, read_config(folder / "config.json"))
    return folder


def _from_hub(location: str) -> Path:
    """The folder with the config.json of a repository; nothing else is fetched."""
    return download(
        location,
        ["config.json"],
        what="model",
        is_complete=lambda folder: (folder / "config.json").is_file(),
    )
