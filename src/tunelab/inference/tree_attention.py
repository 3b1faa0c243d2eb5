"""Attention over token trees, for every model that asks transformers for its attention.

Without gradients. Queries, keys and values are laid out as a padded batch for attention alone;
the keys and values of the prefix are one row for all of them and are never copied.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tunelab.inference.attention_form import attention_form, check_call, scale_of
from tunelab.inference.prefix_attention import attend
from tunelab.inference.token_trees import TreeBatch

_NAME = "tunelab_trees"


def tree_attention(model: Any) -> AbstractContextManager[None]:
    """Within this context a model takes token trees, and these alone.

    Every call then needs ``trees=`` beside its ``ids`` and ``positions``, no mask and no cache.
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
    trees: TreeBatch | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[Any, None]:
    """query: (1, H, T, D); key, value: (1, K, T, D); the result: (1, T, H, D)."""
    trees = check_call(
        trees, more, within="tree_attention", takes="token trees", form="form for trees"
    )
    if trees.kept is not None:
        trees.kept[module.layer_idx] = (key, value)
    heads, shared, size = query.shape[1], key.shape[1], query.shape[3]
    rows, longest = trees.rows, trees.longest

    def spread(tensor: Any) -> Any:
        """(1, heads, T, D) to (K, B, heads / K, S, D)."""
        cells = tensor[0].transpose(0, 1).index_select(0, trees.spread)
        return cells.view(rows, longest, shared, -1, size).permute(2, 0, 3, 1, 4)

    before = trees.prefix.get(module.layer_idx)
    out = attend(
        spread(query),
        spread(key).reshape(shared * rows, longest, size),
        spread(value).reshape(shared * rows, longest, size),
        _own_mask(trees, sliding_window),
        scale=scale_of(query, scaling),
        prefix=None if before is None else (before[0][0], before[1][0]),
        prefix_seen=_prefix_mask(trees, sliding_window),
    )
    cells = out.permute(1, 3, 0, 2, 4)
    return cells.reshape(rows * longest, heads, size).index_select(0, trees.gather)[None], None


def _own_mask(trees: TreeBatch, window: int | None) -> Any:
    """(B, S, S). ``window`` is how far back a token sees, itself counted."""
    if window is None or window >= trees.longest:
        return trees.seen
    positions = trees.cell_positions
    return trees.seen & (positions[:, :, None] - positions[:, None] < window)


def _prefix_mask(trees: TreeBatch, window: int | None) -> Any:
    """(B, S, P), or None where every token sees the whole prefix."""
    if window is None or window >= trees.prefix_length + trees.longest:
        return None
    indices = torch.arange(trees.prefix_length, device=trees.seen.device)
    return trees.cell_positions[:, :, None] - indices < window


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
