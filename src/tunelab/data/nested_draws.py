"""Draws of a few rows of each label, of which the smaller ones are parts of the larger ones."""

import random
from collections.abc import Iterable, Mapping, Sequence

from tunelab.data.examples import Example


def draw_rows(rows: Sequence[Example], per_label: int | None, *, seed: int | str) -> list[Example]:
    """``per_label`` rows of each label in random order; None for all rows.

    The seed puts the rows in an order, of which the first ones of each label are taken: 8 rows a
    label are among the 64 of the same seed. A label that has fewer rows gives all of them.
    """
    by_label: dict[str, list[Example]] = {}
    order = random.Random(seed)  # noqa: S311 - sampling, not secrets
    for row in order.sample(list(rows), len(rows)):
        by_label.setdefault(row.label, []).append(row)
    kept = [row for label in sorted(by_label) for row in by_label[label][:per_label]]
    return random.Random(seed).sample(kept, len(kept))  # noqa: S311


def mean_per_label(counts: Iterable[int], per_label: int | None) -> float:
    """The mean number of rows of a label in a draw of ``per_label``, or of all rows.

    ``counts``: the rows of each label; a label without rows is not trained and does not count.
    """
    taken = [count if per_label is None else min(count, per_label) for count in counts if count]
    return sum(taken) / len(taken) if taken else 0.0


def short_labels(counts: Mapping[str, int], per_label: int) -> dict[str, int]:
    """The labels that have rows, but fewer than ``per_label``, with their rows."""
    return {label: count for label, count in counts.items() if 0 < count < per_label}
