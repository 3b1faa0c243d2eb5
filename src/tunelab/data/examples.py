"""An example, a split and a data set: what every data source returns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Example:
    """One labelled text. ``extra`` keeps the columns that tunelab does not use.

    ``group`` names what the row belongs to, such as its author; None for a row alone.
    """

    text: str
    label: str
    extra: Mapping[str, object] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Examples by split.

    ``labels`` are the label names in the order that prompts list them. ``origin`` says where the
    rows came from, ``licence`` under which terms, ``hash`` is the SHA-256 of the rows, and
    ``notes`` are sentences for the person who brought them.
    """

    splits: Mapping[str, Sequence[Example]]
    labels: Sequence[str]
    origin: str
    licence: str
    hash: str
    notes: tuple[str, ...] = ()


def groups_of(rows: Sequence[Example]) -> tuple[str | None, ...] | None:
    """The group of each row; None where no row has one."""
    groups = tuple(row.group for row in rows)
    return groups if any(group is not None for group in groups) else None


def label_counts(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, int]:
    """How many examples each of ``labels`` has, in their order, zeros included."""
    counts = Counter(example.label for example in examples)
    return {label: counts[label] for label in labels}
