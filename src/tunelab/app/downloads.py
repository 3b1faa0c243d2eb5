"""What a page would have to download; the user is asked first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from tunelab.app.names import model_names
from tunelab.errors import UsageError


@dataclass(frozen=True)
class Download:
    """A model or a tokenizer that is not on this machine. ``size`` in bytes, or None if unknown."""

    kind: Literal["model", "tokenizer"]
    name: str
    size: int | None
    licence: str
    source: str


class DownloadNeededError(UsageError):
    """Something has to be downloaded first, and the user was not asked yet."""

    def __init__(self, downloads: Sequence[Download]) -> None:
        super().__init__(
            " ".join(map(_describe, downloads)) + " Nothing is downloaded until you press the "
            "button below."
        )
        self.downloads = tuple(downloads)


def require_models(names: Iterable[str]) -> None:
    """Refuse to continue where a model is not on this machine.

    Raises:
        DownloadNeededError: as said, with all that is missing.
        UsageError: a name is unknown.
    """
    from tunelab.models.catalog import find
    from tunelab.models.loading import is_here

    cards = [find(name) for name in dict.fromkeys(names) if not is_here(name)]
    missing = [
        Download("model", card.name, card.size or None, _licence(card), _source(card))
        for card in cards
    ]
    if missing:
        raise DownloadNeededError(missing)


def first_models(more: Sequence[str]) -> tuple[str, str]:
    """The two models that a comparison begins with: those that need no download come first."""
    from tunelab.models.loading import is_here

    names = sorted(model_names(more), key=lambda name: not is_here(name))
    return names[0], names[min(1, len(names) - 1)]


def missing_tokenizers(names: Iterable[str]) -> list[Download]:
    """The tokenizers that are not on this machine.

    Raises:
        UsageError: a name is unknown.
    """
    from tunelab.tokenizers.catalog import find

    cards = [find(name) for name in dict.fromkeys(names)]
    return [
        Download("tokenizer", card.name, card.size or None, _licence(card), _source(card))
        for card in cards
        if not _tokenizer_is_here(card)
    ]


def open_tokenizer(name: str) -> Any:
    """A tokenizer by its name; one that came with a model on this machine is read from there.

    Raises:
        UsageError: the name is unknown, or it has no fast form.
        RunError: it cannot be read.
    """
    from dataclasses import replace

    from tunelab.tokenizers.catalog import find
    from tunelab.tokenizers.loading import load
    from tunelab.tokenizers.sources import is_here

    card = find(name)
    model = None if is_here(card) else _model_with(card)
    if model is not None:
        opened = _open_folder(model)
        return replace(opened, name=card.name, algorithm=card.algorithm)
    opened = load(name)
    # Pages show no folder of this machine.
    return replace(opened, name=Path(name).name) if card.source == "folder" else opened


def download(wanted: Sequence[Download]) -> str:
    """Download what was asked for, and return a sentence on it.

    Raises:
        RunError: the package index or the Hub does not give it.
    """
    from tunelab.models.catalog import find as find_model
    from tunelab.models.loading import fetch as fetch_model
    from tunelab.tokenizers.catalog import find as find_tokenizer
    from tunelab.tokenizers.sources import fetch as fetch_tokenizer

    for one in wanted:
        if one.kind == "model":
            fetch_model(find_model(one.name))
        else:
            fetch_tokenizer(find_tokenizer(one.name))
    names = " and ".join(one.name for one in wanted)
    return f"{names} {'is' if len(wanted) == 1 else 'are'} on this machine now. Continue above."


def button_words(wanted: Sequence[Download]) -> str:
    """What the button says that downloads: how much, where that is known."""
    sizes = [one.size for one in wanted]
    known = sum(size for size in sizes if size is not None)
    if None in sizes:
        return "Download"
    return f"Download {megabytes(known)}"


def megabytes(size: int) -> str:
    """Bytes in MB (10⁶ bytes)."""
    return f"{size / 1e6:.0f} MB"


def _describe(one: Download) -> str:
    size = megabytes(one.size) if one.size else "size not known"
    return (
        f"The {one.kind} {one.name} is not on this machine. It can be downloaded from {one.source} "
        f"({size}; licence: {one.licence})."
    )


def _licence(card: Any) -> str:
    return f"{card.licence}, {card.licence_url}" if card.licence_url else str(card.licence)


def _source(card: Any) -> str:
    return "the package index" if card.source == "package" else "the Hugging Face Hub"


def _tokenizer_is_here(card: Any) -> bool:
    from tunelab.tokenizers.sources import is_here

    return is_here(card) or _model_with(card) is not None


def _model_with(card: Any) -> str | None:
    """A packaged model on this machine that brings the tokenizer."""
    from tunelab.models.cache import is_cached

    return next((model for model in card.models if is_cached(model)), None)


@lru_cache(maxsize=8)
def _open_folder(model: str) -> Any:
    from tunelab.models.catalog import find
    from tunelab.models.loading import fetch
    from tunelab.tokenizers.loading import load

    return load(str(fetch(find(model))))
