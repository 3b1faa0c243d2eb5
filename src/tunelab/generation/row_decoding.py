"""Greedy decoding of many rows: prompts as packed trees, then one token a row and step.

What all prompts begin with is run once; the rest of the prompts has no padding, and rows that
begin alike share their tokens (:mod:`tunelab.models.token_trees`). Every step then runs one token
for each row that has not ended (:mod:`tunelab.models.row_attention`).
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from tunelab.models.head import output_at
from tunelab.models.row_attention import row_attention
from tunelab.models.row_cache import RowCache, gather_rows
from tunelab.models.token_trees import TreeBatch, grow, plant
from tunelab.models.tree_attention import tree_attention

# Tokens of prompts that are run together: beyond this, matrix products become no faster.
_READ_TOKENS = 1024
# Rows that are left, as a share of the batch, below which the others are taken out.
_SPARSE = 0.75
# Tokens of a prompt by which a model is tried.
_TRIAL = 12
# A tree of one token, which is no node: only what comes after the row is asked.
_NOTHING = grow([[0]])

_log = logging.getLogger(__name__)

Kept = dict[int, tuple[Any, Any]]


def run_shared(model: Any, ids: Sequence[int]) -> Kept:
    """The keys and values, by layer, of what all rows begin with; nothing where that is empty."""
    kept: Kept = {}
    if ids:
        batch = plant([ids], _NOTHING, device=model.device, kept=kept)
        with tree_attention(model):
            _ask(model, batch)
    return kept


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
    stops = torch.tensor(list(stop_tokens), device=model.device)
    running = list(range(len(rows)))
    found: list[list[int]] = [[] for _ in rows]
    with row_attention(model):
        for step in range(max_new_tokens):
            tokens = logits.argmax(-1)
            ended = torch.isin(tokens, stops).tolist()
            for row, token in zip(running, tokens.tolist(), strict=True):
                if not found[row] or found[row][-1] not in stop_tokens:
                    found[row].append(token)
            left = [
                place
                for place, row in enumerate(running)
                if not ended[place] and found[row][-1] not in stop_tokens
            ]
            if not left or step + 1 == max_new_tokens:
                break
            if len(left) < _SPARSE * len(running):
                places = torch.tensor(left, device=model.device)
                cache, tokens = cache.keep(places), tokens[places]
                running = [running[place] for place in left]
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
        for part in _parts(rows):
            batch = plant(
                part,
                _NOTHING,
                device=model.device,
                prefix_length=prefix_length,
                prefix=prefix,
                kept={},
            )
            logits.append(_ask(model, batch))
            batches.append(batch)
    return torch.cat(logits), gather_rows(batches, room)


def _parts(rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    part: list[Sequence[int]] = []
    for row in rows:
        if part and (len(part) + 1) * max(len(row), *map(len, part)) > _READ_TOKENS:
            yield part
            part = []
        part.append(row)
    yield part


def _ask(model: Any, batch: TreeBatch) -> Any:
    with output_at(model, batch.asked.flatten()):
        return model(
            input_ids=batch.ids, position_ids=batch.positions, trees=batch, use_cache=False
        ).logits[0]


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
    next_token = torch.tensor([trial[0][-1], trial[0][0]], device=model.device)
    try:
        ahead = trial[0][:1] if len(trial[0]) > 1 else []
        kept = run_shared(model, ahead)
        cut = len(ahead)
        first, cache = _read(model, [row[cut:] for row in trial], cut, kept, 1)
        with row_attention(model):
            second = _step(model, next_token, cache.begin())
        for place, row in enumerate(trial):
            ids = torch.tensor([[*row, int(next_token[place])]], device=model.device)
            expected = model(input_ids=ids, use_cache=False, logits_to_keep=2).logits[0]
            found = torch.stack([first[place], second[place]])
            # A wrong mask or position moves logits by about their own size; rounding does not.
            allowed = 1e-4 if found.dtype == torch.float32 else 0.1
            difference = (found.float() - expected.float()).norm() / expected.float().norm()
            if not difference <= allowed:
                return False
    # Whatever a foreign model raises, the answer is no.
    except Exception as error:
        _log.debug("rows failed their trial", exc_info=error)
        return False
    return True
