"""Stratified sampling: class proportions kept exactly, every draw decided by a seed."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tunelab.data.examples import Example
from tunelab.data.loading_notes import count_of
from tunelab.errors import UsageError

Row = TypeVar("Row")


def _label_of(row: Any) -> str:
    return str(row.label if isinstance(row, Example) else row["label"])


def stratified_sample(
    dataset: Sequence[Row],
    n: int,
    seed: int,
    *,
    label: Callable[[Row], str] = _label_of,
    classes: Sequence[str] | None = None,
) -> list[Row]:
    """Draw ``n`` rows whose classes have the proportions of ``dataset``, in random order.

    Each class gets its exact share rounded down; the rows that are left go to the largest
    remainders (ties to the larger class, then by name). Works for every n from 1 to all rows.
    Rows are examples or mappings with a ``label``, unless ``label`` tells otherwise; they are
    returned as they are, with all their columns. ``classes`` are those that must be there.

    Source: the largest remainder method (Hamilton's apportionment).

    Raises:
        UsageError: ``n`` is not from 1 to the number of rows, or a class has no row.
    """
    rows = list(dataset)
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise UsageError(f"a sample needs at least one row, not {n}.")
    if n > len(rows):
        raise UsageError(
            f"a sample of {count_of(n, 'row')} asks for more rows than there are: {len(rows)}."
        )
    groups: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        groups.setdefault(label(row), []).append(position)
    for name in classes or ():
        if name not in groups:
            raise UsageError(f"the label {name!r} has no row to draw from.")
    quotas = largest_remainder({name: len(group) for name, group in groups.items()}, n)
    chosen = []
    for name in sorted(groups):
        # A stream of its own for each class: adding one leaves the others' draws alone.
        generator = random.Random(f"{seed}/{name}")  # noqa: S311 - sampling, not secrets
        chosen += generator.sample(groups[name], quotas[name])
    chosen.sort()
    random.Random(f"{seed}").shuffle(chosen)  # noqa: S311
    return [rows[position] for position in chosen]


def largest_remainder(counts: Mapping[str, int], n: int) -> dict[str, int]:
    """Divide ``n`` among the classes in proportion to ``counts``, in whole rows."""
    total = sum(counts.values())
    quotas = {name: n * count // total for name, count in counts.items()}
    ranked = sorted(counts, key=lambda name: (-(n * counts[name] % total), -counts[name], name))
    for name in ranked[: n - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def disjoint_samples(
    pool: Sequence[Row],
    sizes: Mapping[str, int],
    seed: int,
    *,
    label: Callable[[Row], str] = _label_of,
) -> dict[str, list[Row]]:
    """Draw several stratified samples from one pool so that no row is in two of them.

    Raises:
        UsageError: together they ask for more rows than there are.
    """
    if sum(sizes.values()) > len(pool):
        raise UsageError(
            f"samples of {' + '.join(str(size) for size in sizes.values())} rows ask for more "
            f"rows than there are: {len(pool)}."
        )
    left = list(range(len(pool)))
    samples = {}
    for position, (name, size) in enumerate(sizes.items()):
        drawn = (
            stratified_sample(left, size, seed + position, label=lambda row: label(pool[row]))
            if size
            else []
        )
        taken = set(drawn)
        left = [row for row in left if row not in taken]
        samples[name] = [pool[row] for row in drawn]
    return samples


def draw_shots(rows: Sequence[Example], n: int, *, seed: int) -> list[Example]:
    """Draw ``n`` examples to show in a prompt, the labels as evenly as possible, in random order.

    Fewer are drawn where there are not as many rows.
    """
    generator = random.Random(f"{seed}/shots")  # noqa: S311 - sampling, not secrets
    groups: dict[str, list[Example]] = {}
    for row in rows:
        groups.setdefault(row.label, []).append(row)
    names = sorted(groups)
    generator.shuffle(names)
    for name in names:
        generator.shuffle(groups[name])
    drawn: list[Example] = []
    while len(drawn) < n and any(groups.values()):
        drawn += [groups[name].pop() for name in names if groups[name]][: n - len(drawn)]
    generator.shuffle(drawn)
    return drawn
