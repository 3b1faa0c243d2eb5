"""Attention of an encoder over packed texts, for every model that asks transformers for it.

Each token sees all tokens of its own text and none of the others. Queries, keys and values are laid
out as a padded batch for attention alone, whose cost is then that of the padded batch and does not
grow with the square of the packed length. Short rows on a CPU are multiplied as they are, which
takes less time than a kernel that keeps no probabilities (measured: benchmarks/LOG.md).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.functional import dropout as drop
from torch.nn.functional import scaled_dot_product_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tunelab.inference.attention_form import attention_form, check_call, scale_of
from tunelab.inference.short_attention import is_short
from tunelab.inference.text_packing import Spans, TextBatch, first_position, pack_texts
from tunelab.inference.trial import passes, same_logits

_NAME = "tunelab_bidirectional"
# Token ids of the row whose layers are counted.
_ANY_ROW = (0, 0)


def bidirectional_attention(model: Any) -> AbstractContextManager[None]:
    """Within this context an encoder takes packed texts, and these alone.

    Every call then needs ``spans=`` beside ``position_ids`` of shape (1, T), and no mask.
    """
    return attention_form(model, _NAME)


def texts_pack(model: Any, rows: Sequence[Sequence[int]]) -> bool:
    """Whether an encoder gives packed rows the vectors that it gives them one by one.

    It does not for encoders that bring attention of their own or measure distance otherwise than by
    positions. Seen by running the shortest and the longest of ``rows`` both ways.
    """
    ordered = sorted(rows, key=len)
    trial = [list(row) for row in (ordered[0], ordered[len(ordered) // 2], ordered[-1])]

    def packed_as_plain() -> bool:
        expected = torch.cat(
            [model(torch.tensor([row], device=model.device)).last_hidden_state[0] for row in trial]
        )
        visited: list[Any] = []
        batch = pack_texts(trial, mode="mean", first_position=first_position(model))
        found = run_packed(model, batch, visited=visited).last_hidden_state[0]
        return len(visited) >= model.config.num_hidden_layers and same_logits(
            found, expected, model.dtype
        )

    return passes(model, packed_as_plain)


def run_packed(model: Any, batch: TextBatch, **more: Any) -> Any:
    """What an encoder gives for a packed batch."""
    assert batch.spans is not None
    device = model.device
    with bidirectional_attention(model):
        return model(
            input_ids=batch.input_ids.to(device),
            position_ids=batch.position_ids.to(device),
            spans=batch.spans.to(device),
            **more,
        )


def keys_and_values(model: Any, row: Sequence[int]) -> list[tuple[Any, Any]]:
    """What each layer of an encoder has of a row of token ids: keys and values, (1, K, S, D)."""
    kept: list[tuple[Any, Any]] = []
    run_packed(
        model, pack_texts([row], mode="mean", first_position=first_position(model)), kept=kept
    )
    return kept


def attention_layers(model: Any) -> list[Any]:
    """The modules of an encoder that ask for attention, in the order in which they do."""
    visited: list[Any] = []
    batch = pack_texts([_ANY_ROW], mode="mean", first_position=first_position(model))
    was_training = model.training
    # Nothing may be drawn for dropout: a training that is resumed would draw other numbers.
    model.eval()
    with torch.no_grad():
        run_packed(model, batch, visited=visited)
    model.train(was_training)
    return visited


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    spans: Spans | None = None,
    sliding_window: int | None = None,
    visited: list[Any] | None = None,
    kept: list[tuple[Any, Any]] | None = None,
    virtual_keys: Mapping[Any, tuple[Any, Any]] | None = None,
    **more: Any,
) -> tuple[Any, None]:
    """query, key, value: (1, H, T, D); the result: (1, T, H, D).

    ``virtual_keys``: of each module keys and values (1, H, V, D) that every text sees besides.
    """
    spans = check_call(
        spans, more, within="bidirectional_attention", takes="packed texts", form="packed form"
    )
    if visited is not None:
        visited.append(module)
    if kept is not None:
        kept.append((key, value))
    queries, keys, values = (_spread(tensor, spans) for tensor in (query, key, value))
    before = 0
    if virtual_keys is not None:
        ahead = virtual_keys[module]
        before = ahead[0].shape[2]
        keys, values = (
            torch.cat([first.to(own.dtype).expand(spans.count, -1, -1, -1), own], 2)
            for first, own in zip(ahead, (keys, values), strict=True)
        )
    scale = scale_of(query, scaling)
    window = (
        sliding_window if sliding_window is not None and sliding_window < spans.longest else None
    )
    mask = spans.mask(before, window)
    if is_short(query, before + spans.longest):
        out = _multiplied(queries, keys, values, mask, scale, dropout)
    else:
        out = scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask[:, None].expand(-1, -1, spans.longest, -1).to(queries.dtype),
            dropout_p=dropout,
            scale=scale,
        )
    return out.transpose(1, 2).flatten(0, 1).index_select(0, spans.cells)[None], None


def _multiplied(
    queries: Any, keys: Any, values: Any, mask: Any, scale: float, dropout: float
) -> Any:
    """queries: (B, H, S, D); keys, values: (B, H, R, D); mask: (B, 1 or S, R)."""
    rows, heads = queries.shape[:2]
    flat = [tensor.flatten(0, 1) for tensor in (queries, keys, values)]
    mask = mask.repeat_interleave(heads, 0)
    scores = torch.baddbmm(mask, flat[0], flat[1].transpose(1, 2), alpha=scale)
    probabilities = drop(scores.softmax(-1), dropout)
    return torch.bmm(probabilities, flat[2]).unflatten(0, (rows, heads))


def _spread(packed: Any, spans: Spans) -> Any:
    """(1, H, T, D) to (B, H, S, D)."""
    tokens = packed[0].transpose(0, 1).index_select(0, spans.positions)
    return tokens.unflatten(0, (spans.count, spans.longest)).transpose(1, 2)


ALL_ATTENTION_FUNCTIONS.register(_NAME, _attend)
