"""Packing: the rows of a batch as one sequence, behind the prefix that they share.

A padded batch runs its padding, and runs what all rows begin with once for every row. A packed
batch has the prefix once and then each row's own tokens, end to end:

    prefix  row 1  row 2  row 3 …

Every layer but attention works on single tokens and needs to know nothing of it. Attention is
told by a :class:`Layout` where each row stands: a token sees the prefix and what comes before it
in its own row, and nothing else. So each token's result is the one that it has where its row is
run alone and in full, and gradients add up over the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Layout:
    """Where the rows stand in a packed sequence of T = ``prefix`` + sum of ``lengths`` tokens.

    B is the number of rows and S the longest of their ``lengths``, the prefix not counted.
    """

    prefix: int
    lengths: tuple[int, ...]
    device: Any = "cpu"
    _masks: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rows(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """S."""
        return max(self.lengths)

    @cached_property
    def places(self) -> Any:
        """(B · S,): the place in the sequence of each cell of a padded batch.

        Rows are padded on their right; the padding points at the first token.
        """
        return self._places.flatten()

    @cached_property
    def cells(self) -> Any:
        """(T − prefix,): the cell of a padded batch in which each row's token stands."""
        return self._inside.flatten().nonzero().squeeze(1)

    @cached_property
    def padding(self) -> Any:
        """The cells that hold no token, or None where all rows are of one length."""
        if min(self.lengths) == self.longest:
            return None
        return (~self._inside).flatten().nonzero().squeeze(1)

    @cached_property
    def reached(self) -> Any:
        """(B · (prefix + S),): as ``places``, with the prefix before every row."""
        import torch

        prefix = torch.arange(self.prefix, device=self.device).expand(self.rows, -1)
        return torch.cat([prefix, self._places], 1).flatten()

    @cached_property
    def reached_cells(self) -> Any:
        """(T − prefix,): as ``cells``, with the prefix before every row."""
        import torch

        prefix = torch.zeros(self.rows, self.prefix, dtype=torch.bool, device=self.device)
        return torch.cat([prefix, self._inside], 1).flatten().nonzero().squeeze(1)

    @cached_property
    def _inside(self) -> Any:
        import torch

        columns = torch.arange(self.longest, device=self.device)
        return columns < torch.tensor(self.lengths, device=self.device)[:, None]

    @cached_property
    def _places(self) -> Any:
        import torch

        lengths = torch.tensor(self.lengths, device=self.device)
        starts = self.prefix + lengths.cumsum(0) - lengths
        columns = torch.arange(self.longest, device=self.device)
        return torch.where(self._inside, starts[:, None] + columns, 0)

    def mask(self, window: int | None) -> Any:
        """(S, prefix + S): 0 where a row's token sees a token of the prefix or of its row, else −∞.

        One mask serves all rows, as padding stands where no token looks. ``window`` is how far
        back a token sees, itself counted, or None for no limit.
        """
        return self._causal(self.prefix, self.prefix + self.longest, window)

    def prefix_mask(self, window: int | None) -> Any:
        """(prefix, prefix): the same for the prefix itself."""
        return self._causal(0, self.prefix, window)

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

    def to(self, device: Any) -> "Layout":
        """The same layout with its tensors on a device."""
        return Layout(self.prefix, self.lengths, device)


def pack_rows(rows: Sequence[Sequence[int]], prefix: int) -> tuple[Any, Any, Layout]:
    """Token ids and positions, each (1, T), of rows that share their first ``prefix`` ids."""
    import torch

    ids, positions = list(rows[0][:prefix]), list(range(prefix))
    for row in rows:
        ids += row[prefix:]
        positions += range(prefix, len(row))
    layout = Layout(prefix, tuple(len(row) - prefix for row in rows))
    return torch.tensor([ids]), torch.tensor([positions]), layout
