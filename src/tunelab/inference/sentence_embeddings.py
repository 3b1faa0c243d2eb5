"""Vectors of texts by an encoder: run in batches of like length, then the mean or the first token.

The vector of a text does not depend on the batch that it is in, up to rounding: padding is
neither attended to nor averaged over.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.guards.refusals import check_finite, explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.progress import row_bar

if TYPE_CHECKING:
    import numpy as np
    import torch

# Tokens of a batch, padding included, which bound the memory that it takes.
BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Embedded:
    """``vectors``: array (texts, width), float32. ``seconds`` that each text took."""

    vectors: "np.ndarray"
    seconds: list[float]


def embed(
    model: Any,
    rows: Sequence[Sequence[int]],
    *,
    pad_token: int,
    mode: str,
    normalize: bool,
    batch_tokens: int = BATCH_TOKENS,
    title: str = "",
) -> Embedded:
    """The vector of each row of token ids, the special tokens included.

    Args:
        model: a transformers encoder; its output has ``last_hidden_state`` (rows, tokens, width).
        mode: mean of all tokens, or cls, the first one.
        normalize: whether vectors are brought to length 1.
        title: of the progress; none is shown without.

    Raises:
        UsageError: the model has no embedding for a token.
        RunError: the model cannot be run on text alone, or gives numbers that are not finite.
    """
    import numpy as np
    import torch

    check_known(model, rows)
    vectors: np.ndarray | None = None
    seconds = [0.0] * len(rows)
    with (
        row_bar(title, len(rows), shown=bool(title)) as bar,
        torch.inference_mode(),
        explain_errors(f"{name_of(model)} cannot encode texts", "choose another encoder"),
    ):
        for batch in length_batches(rows, batch_tokens):
            started = time.perf_counter()
            found = encode(
                model,
                [rows[index] for index in batch],
                pad_token=pad_token,
                mode=mode,
                normalize=normalize,
            )
            if vectors is None:
                vectors = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
            vectors[batch] = found.cpu().numpy()
            tokens = sum(len(rows[index]) for index in batch)
            share = (time.perf_counter() - started) / max(1, tokens)
            for index in batch:
                seconds[index] = share * len(rows[index])
            bar.update(len(batch))
    if vectors is None:
        vectors = np.zeros((0, int(model.config.hidden_size)), dtype=np.float32)
    check_finite(name_of(model), vectors)
    return Embedded(vectors, seconds)


def encode(
    model: Any, rows: Sequence[Sequence[int]], *, pad_token: int, mode: str, normalize: bool
) -> "torch.Tensor":
    """The vectors of a few rows that are run together, (rows, width), float32; see :func:`embed`.

    Gradients flow through it where they are on.
    """
    import torch

    ids, mask = _padded(rows, pad_token, model.device)
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    found = pool(hidden.float(), mask, mode)
    return torch.nn.functional.normalize(found, dim=-1) if normalize else found


def pool(hidden: "torch.Tensor", mask: "torch.Tensor", mode: str) -> "torch.Tensor":
    """One vector of each row: ``hidden`` (rows, tokens, width), ``mask`` (rows, tokens) of 0 and 1.

    ``mode`` is mean or cls. Reimers and Gurevych, Sentence-BERT, 2019.
    """
    if mode == "cls":
        return hidden[:, 0]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def length_batches(rows: Sequence[Sequence[int]], tokens: int) -> Iterator[list[int]]:
    """Indices of rows, the longest first, as many together as ``tokens`` hold with padding."""
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    while order:
        count = max(1, tokens // max(1, len(rows[order[0]])))
        yield order[:count]
        order = order[count:]


def _padded(
    rows: Sequence[Sequence[int]], pad_token: int, device: Any
) -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    longest = max(1, *map(len, rows))
    ids = torch.full((len(rows), longest), pad_token)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for position, row in enumerate(rows):
        ids[position, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[position, : len(row)] = 1
    return ids.to(device), mask.to(device)
