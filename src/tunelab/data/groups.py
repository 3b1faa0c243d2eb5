"""Rows that belong together, such as the texts of one author: named, kept in one split, reported.

A classifier that has learnt an author's way of writing knows something of the author's test rows.
Scores of new authors are therefore measured on authors none of whose rows were trained on.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from tunelab.data.columns import unknown_column
from tunelab.data.examples import SPLITS, Dataset, Example
from tunelab.data.loading_notes import count_of, listed
from tunelab.data.normalizing import normal_label
from tunelab.data.text_identity import identity
from tunelab.errors import UsageError


def with_groups(dataset: Dataset, column: str, *, text: str, label: str) -> Dataset:
    """The rows with their group from a column; a row without a value is a group of its own.

    Notes tell how many groups there are, which rows have none, and which groups are in two of
    the splits as they came.

    Raises:
        UsageError: there is no such column, it is that of the text or the label, or it holds no
            words or numbers.
    """
    if column in (text, label):
        raise UsageError(
            f"data.group={column} is the column of the {'text' if column == text else 'label'}; "
            "name the column that says which rows belong together, such as author."
        )
    splits = {
        split: _grouped(rows, column, split, (text, label))
        for split, rows in dataset.splits.items()
    }
    every = [row for rows in splits.values() for row in rows]
    sizes = Counter(row.group for row in every if row.group is not None)
    alone = sum(row.group is None for row in every)
    notes = [
        f"The column {column!r} names {count_of(len(sizes), 'group')} of {len(every):,} rows; the "
        "rows of a group stay together, and decide less than as many independent ones."
    ]
    if not sizes or max(sizes.values()) < 2:
        notes = [
            f"No two rows have the same value in the column {column!r}, so that all rows count as "
            "independent."
        ]
    if alone:
        notes.append(
            f"{count_of(alone, 'row has', 'rows have')} no value in the column {column!r}; each "
            "counts as independent."
        )
    return replace(
        dataset, splits=splits, notes=(*dataset.notes, *notes, *_in_two_splits(splits, column))
    )


def stays_together(rows: Sequence[Example]) -> list[list[Example]]:
    """The rows in parts that must not be divided: those of one group, and copies of one text.

    Parts come in the order of their first rows.
    """
    parent = list(range(len(rows)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    first: dict[tuple[str, str], int] = {}
    for position, row in enumerate(rows):
        keys = [("text", identity(row.text))]
        if row.group is not None:
            keys.append(("group", row.group))
        for key in keys:
            other = root(first.setdefault(key, position))
            own = root(position)
            parent[max(own, other)] = min(own, other)
    parts: dict[int, list[Example]] = {}
    for position, row in enumerate(rows):
        parts.setdefault(root(position), []).append(row)
    return list(parts.values())


def draw_parts(
    parts: Sequence[Sequence[Example]], shares: Mapping[str, float], seed: int
) -> dict[str, list[Example]]:
    """Divide parts of rows among splits so that each label has its share in each, nearly.

    The largest part goes first, each to the split where it brings the rows of its labels nearest
    to their shares (the least rise of chi-square). Then a label without a test row gets its
    smallest part that training can spare. ``shares`` sum to 1 and hold train.

    Source: the greedy rule of scikit-learn's StratifiedGroupKFold, with shares of any size.

    Raises:
        UsageError: there are fewer parts than splits with a row must have.
    """
    counts = [Counter(row.label for row in part) for part in parts]
    whole = Counter(row.label for part in parts for row in part)
    order = list(range(len(parts)))
    random.Random(f"{seed}/groups").shuffle(order)  # noqa: S311 - sampling, not secrets
    order.sort(key=lambda position: -len(parts[position]))
    has = {split: Counter[str]() for split in shares}
    home: dict[int, str] = {}
    for position in order:
        split = min(
            shares, key=lambda name: _rise(counts[position], has[name], whole, shares[name])
        )
        home[position] = split
        has[split].update(counts[position])
    for split in ("test", "validation"):
        if split in shares:
            _give(split, counts, home, has, only_if_empty=split == "validation")
    if "test" in shares and not has["test"]:
        raise UsageError(
            f"the groups divide the rows into {count_of(len(parts), 'part')}, and training needs "
            "all of them, so none is left for the test; "
            "bring rows of more groups, or a file of test rows."
        )
    return {
        split: [
            row for position, part in enumerate(parts) if home[position] == split for row in part
        ]
        for split in shares
    }


def shares_in_words(
    drawn: Mapping[str, Sequence[Example]], shares: Mapping[str, float], column: str
) -> str:
    """How far the splits are from their shares, of all rows and of each label."""
    whole = Counter(row.label for rows in drawn.values() for row in rows)
    total = sum(whole.values())
    sizes = ", ".join(
        f"{split} {len(rows) / total:.1%} ({shares[split]:.0%} wanted)"
        for split, rows in drawn.items()
    )
    off = max(
        abs(count / len(rows) - whole[label] / total)
        for rows in drawn.values()
        if rows
        for label, count in ((name, sum(row.label == name for row in rows)) for name in whole)
    )
    return (
        f"Rows with the same value of {column!r} stay in one split: {sizes}; the share of a label "
        f"in a split is off by at most {100 * off:.1f} points."
    )


def _grouped(
    rows: Sequence[Example], column: str, split: str, known: Sequence[str]
) -> list[Example]:
    if rows and not any(column in row.extra for row in rows):
        raise unknown_column(column, [*known, *map(str, rows[0].extra)], f"the {split} rows")
    # A JSON object may leave out what it has no value for.
    return [replace(row, group=_name(row.extra.get(column), column)) for row in rows]


def _name(value: object, column: str) -> str | None:
    """A group as it is written; None where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, list | dict | bytes):
        raise UsageError(
            f"data.group={column}: a group must be one word or number, and the column holds lists "
            "or objects."
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return normal_label(str(value)) or None


def _in_two_splits(splits: Mapping[str, Sequence[Example]], column: str) -> list[str]:
    """Groups that the splits as they came have in common."""
    own = {
        split: {row.group for row in splits[split] if row.group is not None}
        for split in SPLITS
        if splits.get(split)
    }
    sentences = []
    for one, other in combinations(own, 2):
        both = sorted(group for group in own[one] & own[other] if group)
        if both:
            sentences.append(
                f"{count_of(len(both), 'group')} of the column {column!r} "
                f"{'has' if len(both) == 1 else 'have'} rows in both {one} and {other} "
                f"({listed(both)}), as the splits came: the scores may promise too much for new "
                "groups."
            )
    return sentences


def _rise(
    part: Mapping[str, int], has: Mapping[str, int], whole: Mapping[str, int], share: float
) -> float:
    """How much a split's distance from its shares rises with a part."""
    return sum(
        count * (count + 2 * (has[label] - share * whole[label])) / (share * whole[label])
        for label, count in part.items()
    )


def _give(
    split: str,
    counts: Sequence[Mapping[str, int]],
    home: dict[int, str],
    has: Mapping[str, Counter[str]],
    *,
    only_if_empty: bool,
) -> None:
    """Give a split parts of labels that it lacks, the smallest that training can spare."""
    labels = sorted({label for part in counts for label in part})
    if only_if_empty and has[split]:
        return
    for label in labels:
        if has[split][label] or (only_if_empty and has[split]):
            continue
        spare = [
            position
            for position, own in home.items()
            if own == "train"
            and counts[position].get(label)
            and all(has["train"][name] > count for name, count in counts[position].items())
        ]
        # A part that is most of what is trained is no test.
        spare = [one for one in spare if 2 * sum(counts[one].values()) < has["train"].total()]
        if not spare:
            continue
        least = min(spare, key=lambda position: (sum(counts[position].values()), position))
        home[least] = split
        has["train"].subtract(counts[least])
        has[split].update(counts[least])
