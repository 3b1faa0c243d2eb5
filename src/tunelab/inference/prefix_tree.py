"""The prefix tree of token sequences: what begins alike is stored, and run, once."""

from collections.abc import Sequence


class PrefixTree:
    """Token ids as nodes, each after its parent.

    ``ids``, ``parents``, ``depths`` have an entry for each node, in the order in which the nodes
    were added; a parent of −1 is the root. A node's depth is the number of tokens before it.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.parents: list[int] = []
        self.depths: list[int] = []
        self._children: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, sequence: Sequence[int], *, parent: int = -1, depth: int = 0) -> list[int]:
        """The nodes of a sequence behind ``parent``; those that are there already are shared."""
        nodes = []
        for offset, token in enumerate(sequence):
            child = self._children.get((parent, token))
            if child is None:
                child = self.append(token, parent=parent, depth=depth + offset)
                self._children[parent, token] = child
            nodes.append(child)
            parent = child
        return nodes

    def append(self, token: int, *, parent: int, depth: int) -> int:
        """A node of its own, which no sequence that is added later shares."""
        self.ids.append(token)
        self.parents.append(parent)
        self.depths.append(depth)
        return len(self.ids) - 1
