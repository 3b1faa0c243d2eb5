"""Attention over token trees, for every model that asks transformers for its attention.

Without gradients. Queries, keys and values are laid out as a padded batch for attention alone;
the keys and values of the prefix are one row for all of them and are never copied.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tunelab.models.attention_form import attention_form, is_unknown
from tunelab.models.token_trees import TreeBatch

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
    if trees is None:
        raise RuntimeError("within tree_attention() a model takes token trees alone.")
    if is_unknown(more):
        raise NotImplementedError("this model's attention has no form for trees.")
    if trees.kept is not None:
        trees.kept[module.layer_idx] = (key, value)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    heads, shared, size = query.shape[1], key.shape[1], query.shape[3]
    rows, longest = trees.rows, trees.longest
    groups = heads // shared

    def spread(tensor: Any) -> Any:
        """(1, heads, T, D) to (K, B, heads / K, S, D)."""
        cells = tensor[0].transpose(0, 1).index_select(0, trees.spread)
        return cells.view(rows, longest, shared, -1, size).permute(2, 0, 3, 1, 4)

    queries = (spread(query) * scale).reshape(shared * rows, groups * longest, size)
    keys = spread(key).reshape(shared * rows, longest, size)
    values = spread(value).reshape(shared * rows, longest, size)
    lowest = torch.finfo(query.dtype).min
    own = torch.bmm(queries, keys.transpose(1, 2))
    own = own.view(shared, rows, groups, longest, longest)
    own = own.masked_fill_(~_own_mask(trees, sliding_window)[:, None], lowest)
    before = trees.prefix.get(module.layer_idx)
    if before is None:
        weights = _softmax(own)
        out = torch.bmm(weights.view(shared * rows, groups * longest, longest), values)
    else:
        first_keys, first_values = before[0][0], before[1][0]
        first = torch.bmm(queries.view(shared, -1, size), first_keys.transpose(1, 2))
        first = first.view(shared, rows, groups, longest, trees.prefix_length)
        mask = _prefix_mask(trees, sliding_window)
        if mask is not None:
            first = first.masked_fill_(~mask[:, None], lowest)
        weights = _softmax(torch.cat([first, own], -1))
        split = trees.prefix_length
        out = torch.bmm(
            weights[..., split:].reshape(shared * rows, groups * longest, longest), values
        )
        out = out.view(shared, -1, size)
        out += torch.bmm(weights[..., :split].reshape(shared, -1, split), first_values)
    cells = out.view(shared, rows, groups, longest, size).permute(1, 3, 0, 2, 4)
    return cells.reshape(rows * longest, heads, size).index_select(0, trees.gather)[None], None


def _softmax(scores: Any) -> Any:
    return torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)


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
    places = torch.arange(trees.prefix_length, device=trees.seen.device)
    return trees.cell_positions[:, :, None] - places < window


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
