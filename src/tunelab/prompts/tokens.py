"""From rendered pieces to token ids: data can never become a control token."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tunelab.errors import UsageError
from tunelab.prompts.own_template import template_texts
from tunelab.prompts.per_tokenizer import per_tokenizer
from tunelab.prompts.rendering import Piece


def require_fast(tokenizer: Any) -> None:
    """Refuse a tokenizer without a fast form, since offsets and added tokens need one.

    Raises:
        UsageError: it has none.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(
            f"the tokenizer of {tokenizer.name_or_path!r} has no fast form (tokenizer.json); "
            "choose a model that has one."
        )


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """The strings that a template may use to steer a model, with their ids.

    These are the special tokens, and the added ones that are written in the chat template or
    look like ``<|name|>``.
    """
    return dict(_controls(tokenizer))


@per_tokenizer
def _controls(tokenizer: Any) -> dict[str, int]:
    template = template_texts(tokenizer)
    found: dict[str, int] = {}
    for number, token in tokenizer.added_tokens_decoder.items():
        content = token.content
        framed = re.fullmatch(r"<\|.*\|>", content, flags=re.DOTALL) is not None
        if content.strip() and (token.special or framed or content in template):
            found[content] = int(number)
    return found


def leading_tokens(tokenizer: Any) -> list[int]:
    """What the tokenizer itself puts before a text: its BOS, or nothing."""
    ids = tokenizer("", add_special_tokens=True)["input_ids"]
    return [ids[0]] if ids and ids[0] == tokenizer.bos_token_id else []


def encode_text(tokenizer: Any, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids and character offsets of a text in which no control token is recognised."""
    encoding = plain_tokenizer(tokenizer).encode(text, add_special_tokens=False)
    return list(encoding.ids), list(encoding.offsets)


def encode_pieces(tokenizer: Any, pieces: Sequence[Piece]) -> list[int]:
    """Token ids of rendered pieces.

    Equal to the tokenizer's own ids of the whole text, unless the data holds a control token's
    string: then that string is cut into ordinary tokens, and nothing else changes.
    """
    controls = control_tokens(tokenizer)
    text = "".join(piece.text for piece in pieces)
    ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    wanted = [
        controls[match]
        for piece in pieces
        if not piece.data
        for match in _pattern(controls).findall(piece.text)
    ]
    numbers = set(controls.values())
    if [number for number in ids if number in numbers] == wanted:
        return ids
    return _encode_guarded(tokenizer, pieces, controls)


def _encode_guarded(tokenizer: Any, pieces: Sequence[Piece], controls: dict[str, int]) -> list[int]:
    """Encode stretch by stretch: control tokens of the template alone, the rest as plain text."""
    pattern = _pattern(controls)
    strips = {
        token.content: (token.lstrip, token.rstrip)
        for token in tokenizer.added_tokens_decoder.values()
    }
    ids: list[int] = []
    stretch = ""
    strip_next = False

    def flush(strip_end: bool) -> None:
        nonlocal stretch, strip_next
        plain = stretch.lstrip() if strip_next else stretch
        plain = plain.rstrip() if strip_end else plain
        if plain:
            ids.extend(encode_text(tokenizer, plain)[0])
        stretch, strip_next = "", False

    for piece in pieces:
        position = 0
        for match in () if piece.data else pattern.finditer(piece.text):
            left, right = strips[match.group()]
            stretch += piece.text[position : match.start()]
            flush(strip_end=left)
            ids.append(controls[match.group()])
            strip_next = right
            position = match.end()
        stretch += piece.text[position:]
    flush(strip_end=False)
    return ids


@lru_cache(maxsize=64)
def _compiled(strings: tuple[str, ...]) -> re.Pattern[str]:
    ordered = sorted(strings, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)")


def _pattern(controls: dict[str, int]) -> re.Pattern[str]:
    return _compiled(tuple(controls))


@per_tokenizer
def plain_tokenizer(tokenizer: Any) -> Any:
    """A copy of the fast tokenizer that reads control tokens as text."""
    from tokenizers import Tokenizer

    require_fast(tokenizer)
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    controls = control_tokens(tokenizer)
    for token in description["added_tokens"]:
        token["special"] = token["special"] or token["content"] in controls
    description["truncation"] = description["padding"] = None
    plain = Tokenizer.from_str(json.dumps(description))
    plain.encode_special_tokens = True
    return plain
