"""A tokenizer as llama.cpp reads it from a GGUF file, so that it makes the same token ids."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.errors import UsageError
from tunelab.prompts.tokens import control_tokens

# What cuts a text before the pairs of a byte-level tokenizer are merged, by its regular expression,
# and the name of the same cut in llama.cpp (llama-vocab.cpp).
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CUTS: Mapping[str, str] = {_LLAMA3: "llama-bpe", _QWEN2: "qwen2", _O200K: "gpt-4o"}
# How llama.cpp marks tokens: gguf.TokenType.
_NORMAL, _UNKNOWN, _CONTROL, _OWN, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Vocabulary:
    """``model``: gpt2 (byte-level pairs) or llama (SentencePiece), and ``pre`` how texts are cut.

    ``scores``: of SentencePiece's pieces, ``merges`` of pairs; the other is None.
    ``space_prefix``: whether a blank is put before each text.
    """

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    scores: list[float] | None
    merges: list[str] | None
    space_prefix: bool


def read_vocabulary(tokenizer: Any, size: int) -> Vocabulary:
    """The vocabulary of a fast tokenizer, filled up to the ``size`` of the model's embeddings.

    Raises:
        UsageError: llama.cpp has no tokenizer that is the same.
    """
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    model = described["model"]
    if model.get("type") != "BPE":
        raise UsageError(f"llama.cpp has no tokenizer of the type {model.get('type')}")
    pieces = bool(model.get("byte_fallback"))
    pre = "default" if pieces else _cut(described["pre_tokenizer"])
    if not pieces and described["normalizer"] not in (None, {"type": "NFC"}):
        raise UsageError("llama.cpp does not change texts as its tokenizer does before it cuts")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    tokens, types = _tokens(tokenizer, model, size)
    return Vocabulary(
        model="llama" if pieces else "gpt2",
        pre=pre,
        tokens=tokens,
        types=types,
        scores=_scores(tokens, merges) if pieces else None,
        merges=None if pieces else merges,
        space_prefix=pieces and "Prepend" in json.dumps(described["normalizer"]),
    )


def _cut(described: Mapping[str, Any] | None) -> str:
    """The name in llama.cpp of a pre-tokenizer."""
    steps = [] if described is None else described.get("pretokenizers", [described])
    kinds = [step["type"] for step in steps]
    if kinds and kinds[-1] == "ByteLevel" and not steps[-1]["add_prefix_space"]:
        if kinds == ["ByteLevel"] and steps[0]["use_regex"]:
            return "gpt-2"
        if kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"]:
            return "smollm"
        if kinds == ["Split", "ByteLevel"]:
            found = _CUTS.get(str(steps[0]["pattern"].get("Regex")))
            if found is not None:
                return found
    raise UsageError(
        f"llama.cpp does not cut texts as its tokenizer does ({', '.join(kinds) or 'not at all'})"
    )


def _tokens(tokenizer: Any, model: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [_UNUSED] * size
    for token, number in model["vocab"].items():
        if number < size:
            is_byte = len(token) == 6 and token.startswith("<0x") and token.endswith(">")
            tokens[number] = token
            types[number] = _BYTE if is_byte and model.get("byte_fallback") else _NORMAL
    controls = set(control_tokens(tokenizer).values())
    for number, added in tokenizer.added_tokens_decoder.items():
        if number < size:
            tokens[number] = added.content
            types[number] = _CONTROL if added.special or number in controls else _OWN
    unknown = model.get("unk_token")
    if model.get("byte_fallback") and unknown in model["vocab"]:
        types[model["vocab"][unknown]] = _UNKNOWN
    return tokens, types


def _scores(tokens: list[str], merges: list[str]) -> list[float]:
    """The higher, the earlier a piece is merged, as SentencePiece numbers its pieces."""
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault(pair.replace(" ", "", 1), rank)
    return [float(-ranks.get(token, len(merges) + at)) for at, token in enumerate(tokens)]
