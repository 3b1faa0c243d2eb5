"""Pairs of labelled texts for contrastive training: half with one label, half with two.

As the library setfit draws them (huggingface/setfit, ``ContrastiveDataset``, oversampling), but
without pairs of a text with itself, whose cosine similarity is 1 whatever the encoder does.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Pair:
    """Two texts by their indices, and whether they have the same label."""

    left: int
    right: int
    same: bool


def count_pairs(labels: Sequence[str]) -> tuple[int, int]:
    """How many pairs of texts have the same label, and how many have two."""
    counts = Counter(labels).values()
    same = sum(count * (count - 1) // 2 for count in counts)
    return same, len(labels) * (len(labels) - 1) // 2 - same


def draw_pairs(labels: Sequence[str], count: int, *, seed: int) -> list[Pair]:
    """``count`` pairs in random order, one half with the same label and the other with two.

    Each pair is taken before any is taken again. Where no label has two texts all pairs have two
    labels.

    Raises:
        ValueError: there are fewer than two labels.
    """
    import numpy as np

    numbers = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)[1]
    same, different = count_pairs(labels)
    if not different:
        raise ValueError("there are fewer than two labels")
    random = np.random.default_rng(seed)
    wanted = count // 2 if same else 0
    pairs = [
        *(Pair(*pair, True) for pair in _draw(numbers, same, wanted, random, same=True)),
        *(Pair(*pair, False) for pair in _draw(numbers, different, count - wanted, random)),
    ]
    return [pairs[index] for index in random.permutation(len(pairs))]


def _draw(
    labels: "np.ndarray",
    available: int,
    wanted: int,
    random: "np.random.Generator",
    *,
    same: bool = False,
) -> Iterator[tuple[int, int]]:
    """``wanted`` of the ``available`` pairs, each once before any is repeated."""
    if 2 * wanted < available:
        yield from _few(labels, wanted, random, same=same)
        return
    left, right = _all_pairs(labels, same=same)
    while wanted > 0:
        for index in random.permutation(len(left))[:wanted]:
            yield int(left[index]), int(right[index])
        wanted -= len(left)


def _few(
    labels: "np.ndarray", wanted: int, random: "np.random.Generator", *, same: bool
) -> Iterator[tuple[int, int]]:
    """Fewer than half of the pairs, drawn without listing all: there may be 10^8 of them."""
    import numpy as np

    rows = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    sizes = np.array([len(row) for row in rows], dtype=float)
    # Of all pairs of rows from here on: those that do not count are drawn and left out.
    weights = sizes**2 * (sizes > 1) if same else sizes * (sizes < len(labels))
    taken: set[tuple[int, int]] = set()
    while len(taken) < wanted:
        label = int(random.choice(len(rows), p=weights / weights.sum()))
        left = int(random.choice(rows[label]))
        right = int(random.choice(rows[label]) if same else random.integers(len(labels)))
        pair = (min(left, right), max(left, right))
        if left == right or (labels[left] == labels[right]) != same or pair in taken:
            continue
        taken.add(pair)
        yield pair


def _all_pairs(labels: "np.ndarray", *, same: bool) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    left, right = np.triu_indices(len(labels), 1)
    kept = (labels[left] == labels[right]) == same
    return left[kept], right[kept]
