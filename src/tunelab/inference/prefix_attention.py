"""Attention of rows over their own cells and over a prefix that they share, without gradients.

Query heads that share a key head, and before the prefix all rows too, are rows of one matrix
product, so the prefix is read once and never copied. In the shapes, K is the number of key heads,
G of query heads for each, B the rows, L the queries of a row, C its cells, P the prefix and D a
head's size.
"""

from typing import Any

import torch


def attend(
    queries: Any,
    keys: Any,
    values: Any,
    seen: Any,
    *,
    scale: float,
    prefix: tuple[Any, Any] | None,
    prefix_seen: Any | None,
) -> Any:
    """softmax(scale · Q Kᵀ) V over what each query sees: (K, B, G, L, D).

    ``queries``: (K, B, G, L, D); ``keys``, ``values``: (K · B, C, D); ``seen``: (B, L, C), which
    cells of its row a query sees. ``prefix``: keys and values, (K, P, D) each; ``prefix_seen``:
    (B, L, P), or None where every query sees all of it.
    """
    heads, rows, groups, length, size = queries.shape
    queries = (queries * scale).reshape(heads * rows, groups * length, size)
    lowest = torch.finfo(queries.dtype).min
    own = torch.bmm(queries, keys.transpose(1, 2)).view(heads, rows, groups, length, -1)
    own = own.masked_fill_(~seen[:, None], lowest)
    if prefix is None:
        out = torch.bmm(_softmax(own).view(heads * rows, groups * length, -1), values)
        return out.view(heads, rows, groups, length, size)
    first_keys, first_values = prefix
    ahead = first_keys.shape[1]
    first = torch.bmm(queries.view(heads, -1, size), first_keys.transpose(1, 2))
    first = first.view(heads, rows, groups, length, ahead)
    if prefix_seen is not None:
        first = first.masked_fill_(~prefix_seen[:, None], lowest)
    weights = _softmax(torch.cat([first, own], -1))
    out = torch.bmm(weights[..., ahead:].reshape(heads * rows, groups * length, -1), values)
    out = out.view(heads, -1, size)
    out += torch.bmm(weights[..., :ahead].reshape(heads, -1, ahead), first_values)
    return out.view(heads, rows, groups, length, size)


def _softmax(scores: Any) -> Any:
    return torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)
