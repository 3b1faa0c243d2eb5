"""Tokens and the embeddings that a model has for them: a tokenizer may know more than its model."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from tunelab.errors import UsageError

_log = logging.getLogger(__name__)


def embedding_count(model: Any) -> int | None:
    """How many tokens a model has embeddings for, or None where it does not say."""
    weight = getattr(model.get_input_embeddings(), "weight", None)
    return None if weight is None else int(weight.shape[0])


def set_pad_token(tokenizer: Any, model: Any, name: str) -> None:
    """Give a tokenizer a token to pad with that its model has an embedding for, in place.

    Padding is never looked at, so any token will do; a pad token that was added to the tokenizer
    alone would be looked up beyond the embeddings. ``name``: what messages call the model.
    """
    count = embedding_count(model)
    if count is None or (tokenizer.pad_token_id is not None and tokenizer.pad_token_id < count):
        return
    known = [tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id, 0]
    chosen = next(token for token in known if token is not None and token < count)
    if tokenizer.pad_token_id is not None:
        _log.warning(
            "the tokenizer of %s pads with the token %s (id %d), and the model has embeddings for "
            "ids below %d; rows are padded with %s instead.",
            name,
            tokenizer.pad_token,
            tokenizer.pad_token_id,
            count,
            tokenizer.convert_ids_to_tokens(chosen),
        )
    tokenizer.pad_token_id = chosen


def check_known(model: Any, rows: Iterable[Sequence[int]]) -> None:
    """Refuse rows with a token that a model has no embedding for.

    Raises:
        UsageError: as said, with the token's id.
    """
    count = embedding_count(model)
    if count is None:
        return
    largest = max((max(row) for row in rows if row), default=0)
    if largest >= count:
        raise UsageError(
            f"the tokenizer gives a row the token id {largest}, and the model has embeddings for "
            f"ids below {count} alone; use the tokenizer that belongs to the model, or enlarge the "
            "model's embeddings (resize_token_embeddings of transformers)."
        )
