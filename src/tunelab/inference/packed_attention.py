"""Attention over a packed sequence, for every model that asks transformers for its attention.

Queries, keys and values are laid out as a padded batch for attention alone, which is a small part
of a layer's arithmetic where rows are short; the keys and values of the prefix stand before those
of every row.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tunelab.inference.attention_form import attention_form, check_call, scale_of
from tunelab.inference.head import output_at
from tunelab.inference.packing import Layout, pack_rows
from tunelab.inference.short_attention import ShortAttention, is_short
from tunelab.inference.trial import passes, same_logits

_NAME = "tunelab_packed"


def packed_attention(model: Any) -> AbstractContextManager[None]:
    """Within this context a model takes packed sequences, and these alone.

    Every call then needs ``layout=`` beside ``input_ids`` and ``position_ids`` of shape (1, T),
    no mask and no cache.
    """
    return attention_form(model, _NAME)


def packing_works(model: Any, rows: Sequence[Sequence[int]]) -> bool:
    """Whether a model answers packed rows as it answers them one by one.

    It does not for models that keep state other than keys and values, that bring attention of
    their own, or that measure distance otherwise than by positions. Seen by running the two
    shortest of ``rows``, and a longer one made of them, both ways.
    """
    trial = [list(row) for row in sorted(rows, key=len)[:2]]
    trial.append(trial[0] + trial[-1][1:])

    def packed_as_plain() -> bool:
        expected = torch.cat([_last_logits(model, row) for row in trial])
        found, visited = _packed_last_logits(model, trial)
        layers = model.config.get_text_config().num_hidden_layers
        return visited >= layers and same_logits(found, expected, model.dtype)

    return passes(model, packed_as_plain)


def _last_logits(model: Any, row: Sequence[int]) -> Any:
    return model(
        input_ids=torch.tensor([list(row)], device=model.device), use_cache=False, logits_to_keep=1
    ).logits[0]


def _packed_last_logits(model: Any, rows: Sequence[Sequence[int]]) -> tuple[Any, int]:
    """The logits after each row, and how many layers asked for packed attention."""
    visited: list[Any] = []
    ids, positions, layout = pack_rows(rows, 0)
    ends = torch.tensor([row[-1] for row in layout.rows])
    with packed_attention(model), output_at(model, ends.to(model.device)):
        outputs = model(
            input_ids=ids.to(model.device),
            position_ids=positions.to(model.device),
            layout=layout.to(model.device),
            visited=visited,
            use_cache=False,
        )
    return outputs.logits[0], len(visited)


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    layout: Layout | None = None,
    sliding_window: int | None = None,
    visited: list[Any] | None = None,
    virtual: Sequence[tuple[Any, Any]] | Mapping[int, tuple[Any, Any]] | None = None,
    kept: dict[int, tuple[Any, Any]] | None = None,
    **more: Any,
) -> tuple[Any, None]:
    """query: (1, H, T, D); key, value: (1, K, T, D); the result: (1, T, H, D).

    ``virtual``: for each layer keys and values (1, K, V, D) that stand before all others; the
    layout counts them as the first V tokens of the prefix. ``kept``: where each layer's own keys
    and values go, to be ``virtual`` ones of a later call.
    """
    layout = check_call(
        layout, more, within="packed_attention", takes="packed sequences", form="packed form"
    )
    if visited is not None:
        visited.append(module)
    if kept is not None:
        kept[module.layer_idx] = key, value
    before = 0
    if virtual is not None:
        first = virtual[module.layer_idx]
        before = first[0].shape[2]
        key, value = (
            torch.cat([ahead.to(own.dtype), own], 2)
            for ahead, own in zip(first, (key, value), strict=True)
        )
        # They ask nothing, but a sequence has as many queries as keys.
        query = torch.nn.functional.pad(query, (0, 0, before, 0))
    scale = scale_of(query, scaling)
    reach = layout.prefix + layout.longest
    window = sliding_window if sliding_window is not None and sliding_window < reach else None
    if dropout == 0.0 and is_short(query, reach):
        out = ShortAttention.apply(query, key, value, layout, window, scale)
    else:
        out = _with_kernels(query, key, value, layout, window, scale, dropout)
    return out[:, before:], None


def _with_kernels(
    query: Any,
    key: Any,
    value: Any,
    layout: Layout,
    window: int | None,
    scale: float,
    dropout: float,
) -> Any:
    """By PyTorch's own kernels, for rows of any length and on any device."""
    groups = query.shape[1] // key.shape[1]
    shared = groups > 1 and query.device.type == "cpu"
    if groups > 1 and not shared:
        # Elsewhere than on the CPU, kernels that take a mask take no grouped heads.
        key, value = (tensor.repeat_interleave(groups, 1) for tensor in (key, value))

    def attend(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
        return scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask.to(queries.dtype),
            dropout_p=dropout,
            scale=scale,
            enable_gqa=shared,
        )

    prefix, parts = layout.prefix, []
    queries, keys, values = (_Spread.apply(tensor, layout) for tensor in (query, key, value))
    if prefix:
        # As views they would keep all that they are part of until the backward pass.
        before = [tensor[:, :, :prefix].contiguous() for tensor in (query, key, value)]
        out = attend(before[0], before[1], before[2], layout.prefix_mask(window))
        parts.append(out[0].transpose(0, 1))
        keys, values = (
            torch.cat([first.expand(layout.count, -1, -1, -1), own], 2)
            for first, own in zip(before[1:], (keys, values), strict=True)
        )
    out = attend(queries, keys, values, layout.mask(window))
    parts.append(_Gather.apply(out, layout))
    return torch.cat(parts)[None]


class _Spread(torch.autograd.Function):
    """(1, heads, T, size) to (B, heads, S, size)."""

    @staticmethod
    def forward(ctx: Any, packed: Any, layout: Layout) -> Any:
        ctx.layout, ctx.tokens = layout, packed.shape[2]
        tokens = packed[0].transpose(0, 1).index_select(0, layout.positions)
        return tokens.unflatten(0, (layout.count, layout.longest)).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gradient, layout = gradients[0], ctx.layout
        heads, size = gradient.shape[1], gradient.shape[3]
        packed = gradient.new_zeros(ctx.tokens, heads, size)
        # Padding stands for no token, so what its cells hold is simply left out.
        flat = gradient.transpose(1, 2).reshape(-1, heads, size)
        packed[layout.prefix :] = flat.index_select(0, layout.cells)
        if layout.repeats is not None:
            repeats, indices = layout.repeats
            packed[layout.prefix :].index_add_(0, indices, flat.index_select(0, repeats))
        return packed.transpose(0, 1)[None], None


class _Gather(torch.autograd.Function):
    """(B, heads, S, size) to (T − prefix, heads, size)."""

    @staticmethod
    def forward(ctx: Any, spread: Any, layout: Layout) -> Any:
        ctx.layout, ctx.shape = layout, spread.shape
        return spread.transpose(1, 2).flatten(0, 1).index_select(0, layout.cells)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gradient, layout = gradients[0], ctx.layout
        rows, heads, longest, size = ctx.shape
        flat = gradient.new_zeros(rows * longest, heads, size)
        flat[layout.cells] = gradient
        return flat.view(rows, longest, heads, size).transpose(1, 2), None


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
