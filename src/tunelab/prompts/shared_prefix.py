"""The token ids that all rows begin with."""

from collections.abc import Sequence


def common_prefix(rows: Sequence[Sequence[int]], ends: Sequence[int]) -> int:
    """How many token ids all ``rows`` begin with, at most ``min(ends) - 1``.

    ``ends`` is where each row's prompt ends: at least one token of it has to be run with the
    row, since that token's logits predict the first token of the answer.
    """
    if not rows:
        return 0
    # The first and the last row in dictionary order differ where any two do.
    first, last = min(map(list, rows)), max(map(list, rows))
    limit = min(min(ends) - 1, len(first), len(last))
    differing = (position for position in range(limit) if first[position] != last[position])
    return max(0, next(differing, limit))
