"""What a tokenizer means for a model: rows cut, padding, embeddings, compute and cache."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.models.description import ModelShape

_BYTES_OF_A_CACHED_NUMBER = 2


@dataclass(frozen=True)
class RowsAtLength:
    """Rows of a data set at a largest length; shares are from 0 to 1, None without tokens.

    ``cut`` rows are longer. Padding is the share of all positions that hold no token: with every
    row padded to the largest length, in batches as the rows come, and in batches of like length.
    """

    rows: int
    longest: int
    cut: int
    share_cut: float | None
    tokens_lost: float | None
    padding_to_max_length: float | None
    padding_in_batches: float | None
    padding_by_length: float | None


@dataclass(frozen=True)
class TextCost:
    """What a million words cost on a model whose embedding has the tokenizer's rows.

    ``compute`` are the floating-point operations of one forward pass: two for each weight that a
    token meets (the layers and the output layer) and those of attention within ``context``
    tokens. ``cache_bytes`` keep keys and values of all tokens in 16 bits.
    """

    tokens_a_word: float
    tokens: float
    embedding_parameters: int
    embedding_share: float
    compute: float
    cache_bytes: float


def rows_at_length(lengths: Sequence[int], *, max_length: int, batch_size: int) -> RowsAtLength:
    """What a largest length does to rows of these many tokens, control tokens included.

    Raises:
        ValueError: the largest length or the batch size is below 1.
    """
    if max_length < 1 or batch_size < 1:
        raise ValueError("max_length and batch_size must be 1 or more")
    kept = [min(length, max_length) for length in lengths]
    cut = sum(length > max_length for length in lengths)
    total = sum(lengths)
    return RowsAtLength(
        rows=len(lengths),
        longest=max(lengths, default=0),
        cut=cut,
        share_cut=cut / len(lengths) if lengths else None,
        tokens_lost=1 - sum(kept) / total if total else None,
        padding_to_max_length=_padding(kept, [max_length] * len(kept)),
        padding_in_batches=_padding(kept, _batched(kept, batch_size)),
        padding_by_length=_padding(kept, _batched(sorted(kept), batch_size)),
    )


def text_cost(
    shape: ModelShape,
    *,
    vocabulary: int,
    tokens_a_word: float,
    context: int,
    words: int = 1_000_000,
) -> TextCost:
    """The cost of reading ``words`` words with a tokenizer on a model of this shape.

    Source of the count of operations: Kaplan et al., Scaling laws for neural language models,
    2020, https://arxiv.org/abs/2001.08361, table 1, with the output layer counted.
    """
    tokens = tokens_a_word * words
    embeddings = shape.embedding_parameters(vocabulary)
    layers = shape.linear_parameters
    # Queries meet half of the context on the average, twice: for the weights and the sum.
    attention = 2 * 2 * shape.layers * shape.query_width * context / 2
    per_token = 2 * (layers + vocabulary * shape.hidden) + attention
    cached = 2 * shape.layers * shape.key_width * _BYTES_OF_A_CACHED_NUMBER
    return TextCost(
        tokens_a_word=tokens_a_word,
        tokens=tokens,
        embedding_parameters=embeddings,
        embedding_share=embeddings / (embeddings + layers),
        compute=per_token * tokens,
        cache_bytes=float(cached) * tokens,
    )


def _batched(lengths: Sequence[int], size: int) -> list[int]:
    """For every row, in the order given, the length that its batch is padded to."""
    padded: list[int] = []
    for start in range(0, len(lengths), size):
        batch = lengths[start : start + size]
        padded += [max(batch)] * len(batch)
    return padded


def _padding(kept: Sequence[int], padded: Sequence[int]) -> float | None:
    return 1 - sum(kept) / sum(padded) if sum(padded) else None
