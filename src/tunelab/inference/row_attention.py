"""Attention of one new token for each row, for every model that asks transformers for its own.

Without gradients. A row's keys and values are in cells of its own behind the shared prefix.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tunelab.inference.attention_form import attention_form, check_call, scale_of
from tunelab.inference.prefix_attention import attend
from tunelab.inference.row_cache import RowCache

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
    rows = check_call(
        rows, more, within="row_attention", takes="one token for each row", form="form for rows"
    )
    heads, shared, size = query.shape[1], key.shape[1], query.shape[3]
    keys, values = rows.cells[module.layer_idx]
    keys[:, :, rows.used - 1], values[:, :, rows.used - 1] = key[0], value[0]
    before = rows.prefix.get(module.layer_idx)
    out = attend(
        query[0].unflatten(0, (shared, -1)).transpose(1, 2).unsqueeze(3),
        keys[:, :, : rows.used].flatten(0, 1),
        values[:, :, : rows.used].flatten(0, 1),
        _own_mask(rows, sliding_window)[:, None],
        scale=scale_of(query, scaling),
        prefix=before,
        prefix_seen=None if before is None else _prefix_mask(rows, before, sliding_window),
    )
    return out.transpose(0, 1).reshape(1, rows.rows, heads, size), None


def _own_mask(rows: RowCache, window: int | None) -> Any:
    """(B, used): which of its cells a row's new token sees, itself counted."""
    positions = rows.positions[:, : rows.used]
    seen = positions >= 0
    if window is not None:
        seen = seen & (positions[:, -1:] - positions < window)
    return seen


def _prefix_mask(rows: RowCache, prefix: tuple[Any, Any], window: int | None) -> Any:
    """(B, 1, P), or None where every row sees the whole prefix."""
    if window is None:
        return None
    ahead = prefix[0].shape[1]
    # Virtual tokens stand before the first position.
    indices = torch.arange(ahead, device=rows.positions.device) - (ahead - rows.prefix_length)
    return rows.positions[:, rows.used - 1, None, None] - indices < window


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
