"""A model that gives one label to nearly all rows, whatever they say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.numbers import counted

# The share of all rows that one label must be given to, and by how much that exceeds its true
# share: a model that finds 96 % of one label where 95 % have it has not collapsed.
NEARLY_ALL = 0.95
_ABOVE_TRUTH = 0.05
# Rows below which one label for all of them may be chance.
_LEAST_ROWS = 8
# Rows of other labels at which none of them found is no chance, however rare those labels are.
_LEAST_MISSED = 3


@dataclass(frozen=True)
class Collapse:
    """``label`` was given to ``given`` of ``rows`` rows, and is true of ``true`` of them."""

    label: str
    given: int
    rows: int
    true: int

    def sentence(self, name: str) -> str:
        """The same in words, with what it means."""
        return (
            f"{name} has collapsed: it gives the label {self.label} to {self.given:,} of "
            f"{counted(self.rows, 'row')}, and the label is true of {self.true:,}. Its scores say "
            "how common that label is, and nothing about the texts."
        )


def collapse_of(scores: Mapping[str, Any]) -> Collapse | None:
    """Whether a model has collapsed, from the record of its scores (their confusion matrix).

    A baseline that gives one label by design collapses too; whoever tells of it leaves it out.
    """
    labels, confusion = list(scores["labels"]), scores["confusion"]
    rows = sum(map(sum, confusion))
    if rows < _LEAST_ROWS or len(labels) < 2:
        return None
    given = [sum(row[position] for row in confusion) for position in range(len(labels))]
    most = max(range(len(labels)), key=lambda position: given[position])
    true = sum(confusion[most])
    if given[most] < NEARLY_ALL * rows:
        return None
    others = [position for position in range(len(labels)) if position != most]
    found = sum(confusion[position][position] for position in others)
    missed = sum(sum(confusion[position]) for position in others)
    # Where a label is true of 99 of 100 rows, its share tells nothing: whether any row of the other
    # labels is found does.
    none_found = found == 0 and missed >= _LEAST_MISSED
    if given[most] - true < _ABOVE_TRUTH * rows and not none_found:
        return None
    return Collapse(str(labels[most]), given[most], rows, true)
