"""Equal beginnings share their nodes, and nothing else does."""

from hypothesis import given
from hypothesis import strategies as st

from tunelab.inference.prefix_tree import PrefixTree

SEQUENCES = st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=8)


def _path(tree: PrefixTree, node: int) -> list[int]:
    ids = []
    while node >= 0:
        ids.append(tree.ids[node])
        node = tree.parents[node]
    return ids[::-1]


@given(SEQUENCES)
def test_every_sequence_is_read_back_and_each_beginning_is_stored_once(
    sequences: list[list[int]],
) -> None:
    tree = PrefixTree()
    for sequence in sequences:
        nodes = tree.add(sequence)
        assert [_path(tree, node) for node in nodes] == [
            sequence[: end + 1] for end in range(len(sequence))
        ]
        assert [tree.depths[node] for node in nodes] == list(range(len(sequence)))
    beginnings = {
        tuple(sequence[: end + 1]) for sequence in sequences for end in range(len(sequence))
    }
    assert len(tree) == len(beginnings)


def test_an_appended_node_is_never_shared() -> None:
    tree = PrefixTree()
    (root,) = tree.add([5])
    own = tree.append(7, parent=root, depth=1)
    assert tree.add([5, 7])[-1] != own
    assert tree.add([5, 7], depth=0) == tree.add([5, 7])
