"""Draws of a few rows of each label, of which the smaller ones are parts of the larger ones."""

import random
from collections.abc import Iterable, Mapping, Sequence

from tunelab.data.examples import Example


def draw_rows(rows: Sequence[Example], per_label: int | None, *, seed: int | str) -> list[Example]:
    """``per_label`` rows of each label in random order; None for all rows.

    The seed puts the rows in an order, of which the first ones of each label are taken: 8 rows a
    label are among the 64 of the same seed. A label that has fewer rows gives all of them. Where
    rows belong together it is the groups that are in random order, each with all of its rows; the
    last group of a label gives as many as are still wanted.
    """
    by_label: dict[str, list[Example]] = {}
    order = random.Random(seed)  # noqa: S311 - sampling, not secrets
    for row in _grouped(order.sample(list(rows), len(rows)), rows, order):
        by_label.setdefault(row.label, []).append(row)
    kept = [row for label in sorted(by_label) for row in by_label[label][:per_label]]
    return random.Random(seed).sample(kept, len(kept))  # noqa: S311


def _grouped(mixed: list[Example], rows: Sequence[Example], order: random.Random) -> list[Example]:
    """Rows in random order, those of a group behind each other and groups in random order.

    A curve then has as many rows of each group at every size as new texts would bring: with more
    labels there are more groups. Rows drawn one by one would be of as many groups as rows at small
    sizes, and of ever the same ones at large sizes.
    """
    if all(row.group is None for row in rows):
        return mixed
    groups = list(dict.fromkeys(row.group for row in rows if row.group is not None))
    alone = sum(row.group is None for row in rows)
    places = order.sample(range(len(groups) + alone), len(groups) + alone)
    of_group = dict(zip(groups, places, strict=False))
    of_alone = iter(places[len(groups) :])
    # The sort is stable: rows of a group stay in their random order.
    keyed = [(next(of_alone) if row.group is None else of_group[row.group], row) for row in mixed]
    return [row for _, row in sorted(keyed, key=lambda one: one[0])]


def mean_per_label(counts: Iterable[int], per_label: int | None) -> float:
    """The mean number of rows of a label in a draw of ``per_label``, or of all rows.

    ``counts``: the rows of each label; a label without rows is not trained and does not count.
    """
    taken = [count if per_label is None else min(count, per_label) for count in counts if count]
    return sum(taken) / len(taken) if taken else 0.0


def short_labels(counts: Mapping[str, int], per_label: int) -> dict[str, int]:
    """The labels that have rows, but fewer than ``per_label``, with their rows."""
    return {label: count for label, count in counts.items() if 0 < count < per_label}
