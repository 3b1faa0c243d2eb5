"""Greedy decoding of many rows: prompts as packed trees, then one token a row and step.

What all prompts begin with is run once; the rest of the prompts has no padding, and rows that
begin alike share their tokens (:mod:`tunelab.inference.token_trees`). Every step then runs one
token for each row that has not ended (:mod:`tunelab.inference.row_attention`).
"""

from collections.abc import Sequence
from typing import Any

from tunelab.inference.row_attention import row_attention
from tunelab.inference.row_cache import RowCache, gather_rows
from tunelab.inference.token_trees import build_tree_batch
from tunelab.inference.tree_attention import tree_attention
from tunelab.inference.tree_reading import ONE_TOKEN, Kept, cut_rows, read_prefix, read_trees
from tunelab.inference.trial import passes, same_logits

# Rows that are left, as a share of the batch, below which the others are taken out.
_SPARSE = 0.75
# Tokens of a prompt by which a model is tried.
_TRIAL = 12


def run_shared(model: Any, ids: Sequence[int]) -> Kept:
    """The keys and values, by layer, of what all rows begin with; nothing where that is empty."""
    with tree_attention(model):
        return read_prefix(model, ids)


def decode_rows(
    model: Any,
    rows: Sequence[Sequence[int]],
    *,
    prefix_length: int,
    prefix: Kept,
    stop_tokens: Sequence[int],
    max_new_tokens: int,
) -> list[list[int]]:
    """The most likely tokens behind each row, up to a stop token, which is the last one.

    ``rows`` are token ids without the ``prefix_length`` tokens of the prefix, none of them empty;
    ``prefix`` is what :func:`run_shared` kept of it.
    """
    import torch

    logits, cache = _read(model, rows, prefix_length, prefix, max_new_tokens - 1)
    found: list[list[int]] = [[] for _ in rows]
    going = [True] * len(rows)
    # The rows of the cache; some of them may have ended.
    held = list(range(len(rows)))
    with row_attention(model):
        for left in range(max_new_tokens - 1, -1, -1):
            tokens = logits.argmax(-1)
            for row, token in zip(held, tokens.tolist(), strict=True):
                if going[row]:
                    found[row].append(token)
                    going[row] = token not in stop_tokens
            indices = [position for position, row in enumerate(held) if going[row]]
            if not indices or not left:
                break
            if len(indices) < _SPARSE * len(held):
                kept = torch.tensor(indices, device=model.device)
                cache, tokens = cache.keep(kept), tokens[kept]
                held = [held[position] for position in indices]
            cache = cache.begin()
            logits = _step(model, tokens, cache)
    return found


def _read(
    model: Any, rows: Sequence[Sequence[int]], prefix_length: int, prefix: Kept, room: int
) -> tuple[Any, RowCache]:
    """Run the rows; logits after each, (B, vocabulary), and what they keep."""
    import torch

    batches, logits = [], []
    with tree_attention(model):
        for part in cut_rows(list(map(len, rows))):
            batch = build_tree_batch(
                rows[part],
                ONE_TOKEN,
                device=model.device,
                prefix_length=prefix_length,
                prefix=prefix,
                kept={},
            )
            logits.append(read_trees(model, batch))
            batches.append(batch)
    return torch.cat(logits), gather_rows(batches, room)


def _step(model: Any, tokens: Any, cache: RowCache) -> Any:
    """Run one token for each row; logits of the next ones, (B, vocabulary)."""
    return model(
        input_ids=tokens[None],
        position_ids=cache.positions[None, :, cache.used - 1],
        rows=cache,
        use_cache=False,
    ).logits[0]


def rows_work(model: Any, prompts: Sequence[Sequence[int]]) -> bool:
    """Whether a model decodes rows as it runs full sequences: seen by doing both.

    It does not where it keeps state other than keys and values, brings attention of its own, or
    measures distance otherwise than by positions.
    """
    import torch

    some = list(sorted(prompts, key=len)[0])[-_TRIAL:]
    trial = [some, [*some, *some[1:]]]
    next_tokens = [some[-1], some[0]]
    shared = some[:1] if len(some) > 1 else []

    def rows_as_plain() -> bool:
        prefix, cut = run_shared(model, shared), len(shared)
        first, cache = _read(model, [row[cut:] for row in trial], cut, prefix, 1)
        with row_attention(model):
            second = _step(model, torch.tensor(next_tokens, device=model.device), cache.begin())
        for position, (row, token) in enumerate(zip(trial, next_tokens, strict=True)):
            ids = torch.tensor([[*row, token]], device=model.device)
            expected = model(input_ids=ids, use_cache=False, logits_to_keep=2).logits[0]
            found = torch.stack([first[position], second[position]])
            if not same_logits(found, expected, model.dtype):
                return False
        return True

    return passes(model, rows_as_plain)
