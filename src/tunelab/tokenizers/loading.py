"""Open a tokenizer by its name, ready to cut text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.tokenizers.catalog import TokenizerCard, find
from tunelab.tokenizers.sources import fetch


@dataclass(frozen=True)
class FastTokenizer:
    """A fast tokenizer and what has to be known to read its pieces.

    ``backend`` is a `tokenizers.Tokenizer`. It takes the names of control tokens in a text as
    plain text, and neither cuts nor pads. ``prefix`` says how a space comes before a text that
    has none: ``always`` (even before another space), ``missing`` (unless there is one), ``never``.
    """

    name: str
    algorithm: str
    backend: Any = field(repr=False, compare=False)
    byte_level: bool
    byte_fallback: bool
    prefix: str
    continuing: str | None
    unknown: int | None
    special: frozenset[int] = field(repr=False)
    added: frozenset[int] = field(repr=False)

    @property
    def vocabulary_size(self) -> int:
        """How many ids there are, added tokens included."""
        return int(self.backend.get_vocab_size(with_added_tokens=True))


def load(name: str) -> FastTokenizer:
    """Open a tokenizer: a name of the catalog, a model's name, a folder, a tokenizer.json, the Hub.

    Raises:
        UsageError: the name is not known, or the tokenizer has no fast form.
        RunError: it cannot be fetched.
    """
    card = find(name)
    # A folder may hold another tokenizer the next time; a package cannot.
    return _open_once(card) if card.source == "package" else _open_card(card)


def _open_card(card: TokenizerCard) -> FastTokenizer:
    return describe(card.name, _open(card, fetch(card)), algorithm=card.algorithm)


_open_once = lru_cache(maxsize=8)(_open_card)


def describe(name: str, backend: Any, *, algorithm: str = "") -> FastTokenizer:
    """Wrap a `tokenizers.Tokenizer` and find out how it writes its pieces."""
    backend.no_truncation()
    backend.no_padding()
    # Text from data is data: "</s>" in it must not become the control token.
    backend.encode_special_tokens = True
    model = backend.model
    kind = type(model).__name__
    steps = [_state(part) for part in (backend.normalizer, backend.pre_tokenizer, backend.decoder)]
    kinds = {node["type"] for step in steps for node in _nodes(step)}
    added = backend.get_added_tokens_decoder()
    byte_level = "ByteLevel" in kinds
    unknown = getattr(model, "unk_token", None)
    if unknown is None and getattr(model, "unk_id", None) is not None:
        unknown = backend.id_to_token(model.unk_id)
    return FastTokenizer(
        name=name,
        algorithm=algorithm or (f"byte-level {kind}" if byte_level else kind),
        backend=backend,
        byte_level=byte_level,
        byte_fallback=bool(getattr(model, "byte_fallback", False)),
        prefix=_prefix(steps),
        continuing=getattr(model, "continuing_subword_prefix", None) or None,
        unknown=None if unknown is None else backend.token_to_id(unknown),
        special=frozenset(number for number, token in added.items() if token.special),
        added=frozenset(added),
    )


def _open(card: TokenizerCard, path: Path) -> Any:
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        return _convert(card, path)
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:
        # The library raises plain Exceptions, for a file of another kind as for a damaged one.
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"{file} cannot be read as a tokenizer.json ({reason}).") from None


def _convert(card: TokenizerCard, folder: Path) -> Any:
    """A fast tokenizer from vocabulary files alone, as transformers makes it."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        return tokenizer.backend_tokenizer
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        raise UsageError(
            f"{card.name} has no fast form that transformers can make ({reason}); save it as "
            "tokenizer.json."
        ) from None


def _state(part: Any) -> Mapping[str, Any]:
    if part is None:
        return {"type": "none"}
    try:
        state: Mapping[str, Any] = json.loads(part.__getstate__())
    except ValueError:
        return {"type": "custom"}
    return state


def _nodes(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A step and, if it is a sequence, its parts."""
    found = [step]
    for name in ("normalizers", "pretokenizers", "decoders"):
        for part in step.get(name, ()):
            found += _nodes(part)
    return found


def _prefix(steps: list[Mapping[str, Any]]) -> str:
    for node in (node for step in steps[:2] for node in _nodes(step)):
        if node["type"] == "Prepend":
            return "always"
        scheme = node.get("prepend_scheme", "never") if node["type"] == "Metaspace" else "never"
        if scheme != "never" or (node["type"] == "ByteLevel" and node.get("add_prefix_space")):
            return "missing"
    return "never"
