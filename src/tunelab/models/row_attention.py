"""Attention of one new token for each row, for every model that asks transformers for its own.

Without gradients. Query heads that share a key head, and all rows before the shared prefix, are
rows of one matrix product; the prefix is never copied.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tunelab.models.attention_form import attention_form, is_unknown
from tunelab.models.row_cache import RowCache

_NAME = "tunelab_rows"


def row_attention(model: Any) -> AbstractContextManager[None]:
    """Within this context a model takes one token for each row, and these alone.

    Every call then needs ``rows=`` beside ``input_ids`` and ``position_ids`` of shape (1, B), no
    mask and no cache.
    """
    return attention_form(model, _NAME)


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    rows: RowCache | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[Any, None]:
    """query: (1, H, B, D); key, value: (1, K, B, D); the result: (1, B, H, D)."""
    if rows is None:
        raise RuntimeError("within row_attention() a model takes one token for each row alone.")
    if is_unknown(more):
        raise NotImplementedError("this model's attention has no form for rows.")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    heads, shared, size = query.shape[1], key.shape[1], query.shape[3]
    groups, count, used = heads // shared, rows.rows, rows.used
    keys, values = rows.cells[module.layer_idx]
    keys[:, :, used - 1], values[:, :, used - 1] = key[0], value[0]
    keys, values = (x[:, :, :used].flatten(0, 1) for x in (keys, values))
    queries = (query[0] * scale).unflatten(0, (shared, groups)).transpose(1, 2).contiguous()
    weights = torch.bmm(queries.view(-1, groups, size), keys.transpose(1, 2))
    weights = weights.view(shared, count, groups, used)
    lowest = torch.finfo(query.dtype).min
    weights = weights.masked_fill_(~_own_mask(rows, sliding_window)[:, None], lowest)
    before = rows.prefix.get(module.layer_idx)
    if before is None:
        out = torch.bmm(_softmax(weights).view(-1, groups, used), values)
    else:
        first_keys, first_values = before
        ahead = first_keys.shape[1]
        first = torch.bmm(queries.view(shared, -1, size), first_keys.transpose(1, 2))
        first = first.view(shared, count, groups, ahead)
        mask = _prefix_mask(rows, ahead, sliding_window)
        if mask is not None:
            first = first.masked_fill_(~mask[:, None], lowest)
        weights = _softmax(torch.cat([first, weights], -1))
        out = torch.bmm(weights[..., ahead:].reshape(-1, groups, used), values)
        out = out.view(shared, -1, size)
        out += torch.bmm(weights[..., :ahead].reshape(shared, -1, ahead), first_values)
    out = out.view(shared, count, groups, size).transpose(0, 1)
    return out.reshape(1, count, heads, size), None


def _softmax(scores: Any) -> Any:
    return torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)


def _own_mask(rows: RowCache, window: int | None) -> Any:
    """(B, used): which of its cells a row's new token sees, itself counted."""
    positions = rows.positions[:, : rows.used]
    seen = positions >= 0
    if window is not None:
        seen = seen & (positions[:, -1:] - positions < window)
    return seen


def _prefix_mask(rows: RowCache, ahead: int, window: int | None) -> Any:
    """(B, P), or None where every row sees the whole prefix."""
    if window is None:
        return None
    # Virtual tokens stand before the first position.
    places = torch.arange(ahead, device=rows.positions.device) - (ahead - rows.prefix_length)
    return rows.positions[:, rows.used - 1, None] - places < window


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
