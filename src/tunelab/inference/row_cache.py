"""What rows keep while they are answered: a prefix once for all, and cells of their own.

The keys and values of what all rows begin with are held once and read by every row. Those of the
rest of each row are in cells, one array for each layer, with room for the tokens to come, so
that a new token is written where it belongs and nothing is copied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunelab.inference.token_trees import TreeBatch

_Pairs = Mapping[int, tuple[Any, Any]]


@dataclass(frozen=True)
class RowCache:
    """Keys and values of B rows behind a prefix of P tokens, C cells each, of which some are used.

    ``prefix`` maps a layer to (K, P, D) keys and values, with virtual tokens at its beginning;
    ``cells`` to (K, B, C, D) ones. ``positions``: (B, C), of what is in the cells, −1 in
    those that are padding. ``used``: how many cells of each row are written; new tokens of all
    rows go into the same column. ``next_positions``: (B,), of the tokens that come next.
    """

    prefix_length: int
    prefix: _Pairs
    cells: _Pairs
    positions: Any
    used: int
    next_positions: Any

    @property
    def rows(self) -> int:
        """B."""
        return int(self.positions.shape[0])

    def begin(self) -> "RowCache":
        """The cache while the next tokens are run: their column is counted as used."""
        self.positions[:, self.used] = self.next_positions
        return replace(self, used=self.used + 1, next_positions=self.next_positions + 1)

    def keep(self, rows: Any) -> "RowCache":
        """The cache of some of the rows, by their numbers."""
        cells = {
            layer: (keys.index_select(1, rows), values.index_select(1, rows))
            for layer, (keys, values) in self.cells.items()
        }
        return replace(
            self,
            cells=cells,
            positions=self.positions[rows],
            next_positions=self.next_positions[rows],
        )


def gather_rows(batches: Sequence[TreeBatch], room: int) -> RowCache:
    """The cache of rows that were run in batches, all behind the same prefix.

    ``batches`` hold in ``kept`` what their layers kept. ``room``: new tokens for each row.
    """
    import torch

    first = batches[0]
    rows = sum(batch.rows for batch in batches)
    longest = max(batch.longest for batch in batches)
    positions = torch.full((rows, longest + room), -1, device=first.ids.device)
    prefix: dict[int, tuple[Any, Any]] = {
        layer: (keys[0], values[0]) for layer, (keys, values) in first.prefix.items()
    }
    cells: dict[int, tuple[Any, Any]] = {}
    for layer, kept in (first.kept or {}).items():
        _, heads, tokens, size = kept[0].shape
        virtual = tokens - first.ids.shape[1]
        if virtual:
            # A soft prompt without a shared prefix: what it keeps stands before the rows' own.
            prefix[layer] = (kept[0][0, :, :virtual], kept[1][0, :, :virtual])
        shape = (heads, rows, longest + room, size)
        cells[layer] = (kept[0].new_empty(shape), kept[0].new_empty(shape))
    begin = 0
    for batch in batches:
        end, size = begin + batch.rows, batch.longest
        indices = batch.cell_positions.masked_fill(~batch.seen.any(-1), -1)
        positions[begin:end, :size] = indices
        for layer, kept in (batch.kept or {}).items():
            for cell, own in zip(cells[layer], kept, strict=True):
                ahead = own.shape[2] - batch.ids.shape[1]
                spread = own[0].index_select(1, batch.spread + ahead)
                cell[:, begin:end, :size] = spread.unflatten(1, (batch.rows, size))
                # Nothing is asked of them, but what memory holds by chance may be no number.
                cell[:, begin:end, size:longest] = 0
        begin = end
    return RowCache(
        prefix_length=first.prefix_length,
        prefix=prefix,
        cells=cells,
        positions=positions,
        used=longest,
        next_positions=positions.max(1).values + 1,
    )
