"""Read token trees with a model, and before them the prefix that all rows share.

Within :func:`tunelab.inference.tree_attention.tree_attention`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tunelab.inference.head import output_at
from tunelab.inference.token_trees import TreeBatch, build_continuations, build_tree_batch

Kept = dict[int, tuple[Any, Any]]

# Tokens that are read together: beyond this, matrix products become no faster.
BATCH_TOKENS = 1024
# A tree of one token, which is not read: only the logits after the row are asked for.
ONE_TOKEN = build_continuations([[0]])


def read_prefix(model: Any, ids: Sequence[int]) -> Kept:
    """What each layer keeps of the prefix, (1, K, P, D) keys and values; empty where it is."""
    kept: Kept = {}
    if ids:
        read_trees(model, build_tree_batch([ids], ONE_TOKEN, device=model.device, kept=kept))
    return kept


def read_trees(model: Any, batch: TreeBatch) -> Any:
    """Logits at the indices that are asked: (B · (1 + N), vocabulary)."""
    with output_at(model, batch.asked.flatten()):
        return model(
            input_ids=batch.ids, position_ids=batch.positions, trees=batch, use_cache=False
        ).logits[0]


def cut_rows(
    sizes: Sequence[int], tokens: int = BATCH_TOKENS, widest: int | None = None
) -> Iterator[slice]:
    """Cut rows, given by their sizes, into batches of at most ``tokens`` cells of a padded batch.

    A batch has ``widest`` rows at most. A row that is larger than ``tokens`` has its own.
    """
    start = longest = 0
    for position, size in enumerate(sizes):
        longest = max(longest, size)
        rows = position - start + 1
        if rows > 1 and (rows * longest > tokens or rows - 1 == widest):
            yield slice(start, position)
            start, longest = position, size
    if sizes:
        yield slice(start, len(sizes))
