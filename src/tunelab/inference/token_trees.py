"""Token trees: every row of a batch once, and all its continuations hanging from its end.

To ask how likely each label is after a text, the text has to be run once and not once for every
label. A row is laid out as its own tokens followed by the labels' tokens, of which those that
begin alike stand once:

    text of row 1  tree of labels  text of row 2  tree of labels …

Each token has the position that it would have in its full sequence and sees the tokens before it
in that sequence alone, so no label sees another, and the result is that of running every full
sequence by itself. What all rows begin with is not part of the batch: it is run once for all
batches, and its keys and values are kept. Rows of a batch that begin alike share those tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tunelab.inference.prefix_tree import PrefixTree


@dataclass(frozen=True)
class Continuations:
    """Sequences of token ids as one tree; N nodes, each after its parent.

    ``ids``, ``parents``, ``depths``: (N,); a parent of −1 is the end of the row. ``indices``: for
    each sequence the node before each of its tokens, from −1 on. The last token of a sequence
    is a node only where another sequence goes on behind it: nothing is asked after it.
    """

    sequences: tuple[tuple[int, ...], ...]
    ids: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    indices: tuple[tuple[int, ...], ...]

    @cached_property
    def seen(self) -> Any:
        """(N, N): whether a node, the first index, sees another: its ancestors and itself."""
        import torch

        seen = torch.zeros(len(self.ids), len(self.ids), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        return seen


def build_continuations(sequences: Sequence[Sequence[int]]) -> Continuations:
    """The tree of some continuations.

    Raises:
        ValueError: one of them is empty.
    """
    if any(not sequence for sequence in sequences):
        raise ValueError("a continuation has no token")
    tree = PrefixTree()
    before = tuple((-1, *tree.add(sequence[:-1])) for sequence in sequences)
    return Continuations(
        tuple(map(tuple, sequences)),
        tuple(tree.ids),
        tuple(tree.parents),
        tuple(tree.depths),
        before,
    )


@dataclass(frozen=True)
class TreeBatch:
    """B rows with their trees as one sequence of T tokens behind a prefix of P tokens.

    ``ids``, ``positions``: (1, T). ``spread``: (B · S,), the index in the sequence of each cell
    of a padded batch; padding points at the first token. ``gather``: (T,), the cell that answers
    for each token. ``asked``: (B, 1 + N), the indices of each row's last token and of its nodes.
    ``cell_positions``: (B, S). ``seen``: (B, S, S), which cells of its row a cell sees.
    ``prefix`` maps a layer to its keys and values of the prefix, each (1, K, P, D); ``kept``
    takes those of this batch where it is a dictionary.
    """

    ids: Any
    positions: Any
    spread: Any
    gather: Any
    asked: Any
    cell_positions: Any
    seen: Any
    prefix_length: int = 0
    prefix: Mapping[int, tuple[Any, Any]] = field(default_factory=dict)
    kept: dict[int, tuple[Any, Any]] | None = None

    @property
    def rows(self) -> int:
        """B."""
        return int(self.seen.shape[0])

    @property
    def longest(self) -> int:
        """S."""
        return int(self.seen.shape[1])

    def after_tokens(self, count: int, ahead: Mapping[int, tuple[Any, Any]]) -> "TreeBatch":
        """The same rows with ``count`` tokens more at the beginning of the prefix.

        ``ahead``: their keys and values by layer, or nothing where the prefix has them already.
        """
        return replace(
            self,
            positions=self.positions + count,
            cell_positions=self.cell_positions + count,
            prefix_length=self.prefix_length + count,
            prefix=ahead or self.prefix,
        )


def build_tree_batch(
    rows: Sequence[Sequence[int]],
    tree: Continuations,
    *,
    device: Any,
    prefix_length: int = 0,
    prefix: Mapping[int, tuple[Any, Any]] | None = None,
    kept: dict[int, tuple[Any, Any]] | None = None,
) -> TreeBatch:
    """Lay out rows, given without their prefix, each with the tree at its end."""
    import torch

    nodes = len(tree.ids)
    longest = max(map(len, rows)) + nodes
    sequence = PrefixTree()
    cells: dict[int, int] = {}
    spread = torch.zeros(len(rows), longest, dtype=torch.long)
    cell_positions = torch.zeros(len(rows), longest, dtype=torch.long)
    seen = torch.zeros(len(rows), longest, longest, dtype=torch.bool)
    chain = torch.ones(longest, longest, dtype=torch.bool).tril()
    asked = []
    for number, row in enumerate(rows):
        own = sequence.add(row, depth=prefix_length)
        size, end = len(row), len(row) + nodes
        # Each row has a tree of its own, as what stands behind a row sees that row.
        hanging = [
            sequence.append(token, parent=own[-1], depth=prefix_length + size + depth)
            for token, depth in zip(tree.ids, tree.depths, strict=True)
        ]
        asked.append([own[-1], *hanging])
        own += hanging
        for column, node in enumerate(own):
            cells.setdefault(node, number * longest + column)
        spread[number, :end] = torch.tensor(own)
        cell_positions[number, :size] = torch.arange(size)
        cell_positions[number, size:end] = size + torch.tensor(tree.depths, dtype=torch.long)
        seen[number, :size, :size] = chain[:size, :size]
        seen[number, size:end, :size] = True
        seen[number, size:end, size:end] = tree.seen
    gather = [cells[node] for node in range(len(sequence))]
    return TreeBatch(
        ids=torch.tensor([sequence.ids], device=device),
        positions=torch.tensor([sequence.depths], device=device),
        spread=spread.flatten().to(device),
        gather=torch.tensor(gather, device=device),
        asked=torch.tensor(asked, device=device),
        cell_positions=(cell_positions + prefix_length).to(device),
        seen=seen.to(device),
        prefix_length=prefix_length,
        prefix=prefix or {},
        kept=kept,
    )
