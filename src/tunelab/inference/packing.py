"""Packing: the rows of a batch as one sequence in which no token is run twice.

A padded batch runs its padding, and runs what rows begin with once for every row. A packed batch
holds the tokens that all rows begin with once, and then the rest of each row end to end, without
the tokens that an earlier row of the batch already has behind the same beginning:

    prefix  row 1  rest of row 2  rest of row 3 …

A token's result depends on the tokens before it in its row and on nothing else, so rows that
begin alike share it: the rows form a tree. Every layer but attention works on single tokens and
needs to know nothing of this. A :class:`Layout` gives attention the positions of each row's
tokens. Each token's result is the one that it has where its row is run alone and in full, and
gradients add up over the rows that share it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tunelab.inference.prefix_tree import PrefixTree


@dataclass(frozen=True)
class Layout:
    """Where the rows are in a packed sequence of T tokens, the first ``prefix`` common to all.

    ``rows`` gives for each row the indices of its own tokens, those behind the prefix. B is the
    number of rows and S the longest of them.
    """

    prefix: int
    rows: tuple[tuple[int, ...], ...]
    device: Any = "cpu"
    _masks: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def count(self) -> int:
        """B."""
        return len(self.rows)

    @cached_property
    def longest(self) -> int:
        """S."""
        return max(map(len, self.rows))

    @cached_property
    def positions(self) -> Any:
        """(B · S,): the index in the sequence of each cell of a padded batch.

        Rows are padded on their right; the padding points at the first token.
        """
        return self._tensor(position for row in self._padded for position in row)

    @cached_property
    def reached(self) -> Any:
        """(B · (prefix + S),): as ``positions``, with the prefix before every row."""
        prefix = range(self.prefix)
        return self._tensor(position for row in self._padded for position in (*prefix, *row))

    @cached_property
    def cells(self) -> Any:
        """(T − prefix,): the cell of a padded batch that answers for each token."""
        return self._tensor(self._first.values())

    @cached_property
    def reached_cells(self) -> Any:
        """(T − prefix,): as ``cells``, with the prefix before every row."""
        return self._tensor(map(self._behind_prefix, self._first.values()))

    @cached_property
    def idle(self) -> Any:
        """The cells that answer for no token, as padding or as repetitions; None without any."""
        answering = set(self._first.values())
        idle = [cell for cell in range(self.count * self.longest) if cell not in answering]
        return self._tensor(idle) if idle else None

    @cached_property
    def repeats(self) -> Any:
        """The cells that repeat a token of an earlier row, and its position after the prefix.

        Two tensors of one length, or None without any.
        """
        answering = set(self._first.values())
        repeats = [
            (cell, position - self.prefix)
            for cell, position in self._taken
            if cell not in answering
        ]
        if not repeats:
            return None
        return tuple(self._tensor(column) for column in zip(*repeats, strict=True))

    @cached_property
    def reached_repeats(self) -> Any:
        """As ``repeats``, with the prefix before every row."""
        if self.repeats is None:
            return None
        cells, positions = self.repeats
        return self._tensor(map(self._behind_prefix, cells.tolist())), positions

    def mask(self, window: int | None) -> Any:
        """(S, prefix + S): 0 where a row's token sees a token of the prefix or of its row, else −∞.

        One mask serves all rows, as padding stands where no token looks. ``window`` is how far
        back a token sees, itself counted, or None for no limit.
        """
        return self._causal(self.prefix, self.prefix + self.longest, window)

    def prefix_mask(self, window: int | None) -> Any:
        """(prefix, prefix): the same for the prefix itself."""
        return self._causal(0, self.prefix, window)

    def after_tokens(self, count: int) -> "Layout":
        """The same rows with ``count`` tokens more at the beginning of the prefix."""
        rows = tuple(tuple(position + count for position in row) for row in self.rows)
        return Layout(self.prefix + count, rows, self.device)

    def to(self, device: Any) -> "Layout":
        """The same layout with its tensors on a device."""
        return Layout(self.prefix, self.rows, device)

    def _causal(self, first: int, end: int, window: int | None) -> Any:
        """What the tokens at the positions from ``first`` on see of all before ``end``."""
        import torch

        if (first, window) not in self._masks:
            queries, keys = torch.arange(first, end)[:, None], torch.arange(end)
            seen = keys <= queries
            if window is not None:
                seen &= keys > queries - window
            mask = torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))
            self._masks[first, window] = mask.to(self.device)
        return self._masks[first, window]

    @cached_property
    def _padded(self) -> list[tuple[int, ...]]:
        return [row + (0,) * (self.longest - len(row)) for row in self.rows]

    @cached_property
    def _taken(self) -> list[tuple[int, int]]:
        """The cells that hold a token, and its index."""
        return [
            (number * self.longest + column, position)
            for number, row in enumerate(self.rows)
            for column, position in enumerate(row)
        ]

    @cached_property
    def _first(self) -> dict[int, int]:
        """The first cell of each index, in the order of the indices."""
        first: dict[int, int] = {}
        for cell, position in self._taken:
            first.setdefault(position, cell)
        return first

    def _behind_prefix(self, cell: int) -> int:
        return cell + (cell // self.longest + 1) * self.prefix

    def _tensor(self, numbers: Any) -> Any:
        import torch

        return torch.tensor(list(numbers), dtype=torch.long, device=self.device)


def pack_rows(rows: Sequence[Sequence[int]], prefix: int) -> tuple[Any, Any, Layout]:
    """Token ids and positions, each (1, T), of rows that share their first ``prefix`` ids."""
    import torch

    tree = PrefixTree()
    # Any row can show the prefix, which is the beginning of all.
    tree.add(rows[0][:prefix])
    nodes = tuple(tuple(tree.add(row)[prefix:]) for row in rows)
    return torch.tensor([tree.ids]), torch.tensor([tree.depths]), Layout(prefix, nodes)
