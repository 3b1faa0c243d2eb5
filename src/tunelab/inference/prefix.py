"""The shared prefix: tokens that all rows begin with, run once and used by every row.

A decoder's keys and values at a position depend on the tokens up to it alone. So the prefix can
be run as one row, its cache expanded over the batch (a view, no copy), and only the rest of each
row be run behind it. The result is that of running each row in full; gradients flow through the
expanded cache and add up over the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.inference.head import output_at


@dataclass(frozen=True)
class Batch:
    """Rows behind a prefix of ``prefix`` tokens, padded on their left to S columns.

    ``input_ids``, ``position_ids``: (rows, S). ``attention_mask``: (rows, prefix + S), as the
    model wants it: the prefix's cache comes first.
    """

    input_ids: Any
    attention_mask: Any
    position_ids: Any


def pad_rows(rows: Sequence[Sequence[int]], *, prefix: int, pad_token: int, device: Any) -> Batch:
    """Pad what follows the prefix on the left; positions continue from the prefix."""
    import torch

    longest = max(len(row) - prefix for row in rows)
    input_ids = torch.full((len(rows), longest), pad_token, dtype=torch.long)
    attention = torch.zeros((len(rows), prefix + longest), dtype=torch.long)
    attention[:, :prefix] = 1
    positions = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        size = len(row) - prefix
        input_ids[number, longest - size :] = torch.tensor(row[prefix:], dtype=torch.long)
        attention[number, prefix + longest - size :] = 1
        positions[number, longest - size :] = torch.arange(prefix, prefix + size)
    return Batch(input_ids.to(device), attention.to(device), positions.to(device))


def run_prefix(model: Any, prefix_ids: Sequence[int], *, device: Any) -> Any:
    """Run the prefix as one row and return its cache."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    last = torch.zeros(1, dtype=torch.long, device=device)
    with output_at(getattr(model, "module", model), last):
        model(
            input_ids=torch.tensor([list(prefix_ids)], device=device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
    return cache
