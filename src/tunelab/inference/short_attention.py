"""Attention of short rows on a CPU, as plain matrix products with a backward pass of its own.

For rows of some dozen tokens the probabilities are hardly larger than the queries, and forming
them costs less than a kernel that avoids them. With P = softmax(s Q Kᵀ + M) and out = P V, and
with g the gradient of out:

    dV = Pᵀ g      dS = P ∘ (g Vᵀ − rowsum(P ∘ g Vᵀ))      dQ = s dS K      dK = s dSᵀ Q

Query heads that share a key head are taken as more rows of one product. In the shapes below, K
is the number of key heads, G of query heads for each, D a head's size, T the packed tokens, B the
rows, S the longest of them, and R = prefix + S what the last of its tokens sees.
"""

from collections.abc import Sequence
from typing import Any

import torch

from tunelab.inference.packing import Layout


def is_short(query: Any, reach: int) -> bool:
    """Whether this form pays: float32 on a CPU, probabilities at most twice the queries' size.

    ``query``: (…, D); ``reach``: R.
    """
    plain = query.device.type == "cpu" and query.dtype == torch.float32
    # Under autocast some products come in 16 bits, and queries differ from values in their type.
    plain = plain and not torch.is_autocast_enabled("cpu")
    return plain and reach <= 2 * int(query.shape[-1])


class ShortAttention(torch.autograd.Function):
    """query: (1, K · G, T, D); key, value: (1, K, T, D); the result: (1, T, K · G, D)."""

    @staticmethod
    def forward(
        ctx: Any, query: Any, key: Any, value: Any, layout: Layout, window: int | None, scale: float
    ) -> Any:
        prefix, heads = layout.prefix, key.shape[1]
        grouped = query[0].unflatten(0, (heads, -1)).transpose(1, 2)
        groups, size = grouped.shape[2:]
        queries = _batches(grouped, layout.positions, layout.count)
        keys, values = (_batches(x[0], layout.reached, layout.count) for x in (key, value))
        mask = layout.mask(window).repeat_interleave(groups, 0)
        attention_probabilities = _probabilities(queries, keys, mask, scale)
        if layout.idle is not None:
            # What answers for no token takes part in no gradient.
            attention_probabilities.view(heads, -1, groups, attention_probabilities.shape[-1])[
                :, layout.idle
            ] = 0
        out = query.new_empty(query.shape[2], heads, groups, size)
        own = (
            torch.bmm(attention_probabilities, values).view(heads, -1, groups, size).transpose(0, 1)
        )
        torch.index_select(own, 0, layout.cells, out=out[prefix:])
        saved = [queries, keys, values, attention_probabilities]
        if prefix:
            # Copies: as views they would keep all that they are part of.
            first = grouped[:, :prefix].reshape(heads, -1, size).contiguous()
            first_keys, first_values = (x[0, :, :prefix].contiguous() for x in (key, value))
            mask = layout.prefix_mask(window).repeat_interleave(groups, 0)
            attention_probabilities = _probabilities(first, first_keys, mask, scale)
            own = torch.bmm(attention_probabilities, first_values).view(heads, prefix, groups, size)
            out[:prefix] = own.transpose(0, 1)
            saved += [first, first_keys, first_values, attention_probabilities]
        ctx.save_for_backward(*saved)
        ctx.layout, ctx.scale, ctx.heads = layout, scale, heads
        return out.flatten(1, 2)[None]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        layout, heads, prefix = ctx.layout, ctx.heads, ctx.layout.prefix
        # Gradient checkpointing gives them once only.
        saved = ctx.saved_tensors
        gradient = gradients[0][0].unflatten(1, (heads, -1)).transpose(0, 1)
        _, tokens, groups, size = gradient.shape
        of_query = gradient.new_empty(tokens, heads, groups, size)
        of_key, of_value = (gradient.new_empty(tokens, heads, size) for _ in range(2))
        own = _batches(gradient, layout.positions, layout.count)
        dq, dk, dv = _backward(own, saved[:4], ctx.scale)
        dq = dq.view(heads, -1, groups, size).transpose(0, 1)
        torch.index_select(dq, 0, layout.cells, out=of_query[prefix:])
        for target, source in ((of_key, dk), (of_value, dv)):
            cells = source.view(heads, -1, size).transpose(0, 1)
            torch.index_select(cells, 0, layout.reached_cells, out=target[prefix:])
            if layout.reached_repeats is not None:
                repeats, positions = layout.reached_repeats
                target[prefix:].index_add_(0, positions, cells.index_select(0, repeats))
            if prefix:
                shared = source.view(heads, layout.count, -1, size)[:, :, :prefix].sum(1)
                target[:prefix] = shared.transpose(0, 1)
        if prefix:
            first = gradient[:, :prefix].reshape(heads, -1, size)
            dq, dk, dv = _backward(first, saved[4:], ctx.scale)
            of_query[:prefix] = dq.view(heads, prefix, groups, size).transpose(0, 1)
            of_key[:prefix] += dk.transpose(0, 1)
            of_value[:prefix] += dv.transpose(0, 1)
        packed = (of_query.flatten(1, 2), of_key, of_value)
        return *(tensor.transpose(0, 1)[None] for tensor in packed), None, None, None


def _batches(tokens: Any, positions: Any, rows: int) -> Any:
    """(K, T, …, D) to (K · B, positions of a row · …, D), one batch for each key head and row."""
    cells = tokens.index_select(1, positions)
    return cells.view(tokens.shape[0] * rows, -1, tokens.shape[-1])


def _probabilities(queries: Any, keys: Any, mask: Any, scale: float) -> Any:
    mask = mask.expand(queries.shape[0], -1, -1)
    return torch.baddbmm(mask, queries, keys.transpose(1, 2), alpha=scale).softmax(-1)


def _backward(gradient: Any, saved: Sequence[Any], scale: float) -> tuple[Any, Any, Any]:
    queries, keys, values, attention_probabilities = saved
    of_values = torch.bmm(attention_probabilities.transpose(1, 2), gradient)
    of_chances = torch.bmm(gradient, values.transpose(1, 2))
    of_scores = torch.ops.aten._softmax_backward_data(
        of_chances, attention_probabilities, -1, torch.float32
    )
    of_scores.mul_(scale)
    of_queries = torch.bmm(of_scores, keys)
    of_keys = torch.bmm(of_scores.transpose(1, 2), queries)
    return of_queries, of_keys, of_values
