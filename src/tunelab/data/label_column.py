"""Whether the values of a column look like labels, checked before anything is trained on it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.data.column_guess import label_columns
from tunelab.data.examples import Dataset, Example
from tunelab.data.loading_notes import count_of, listed
from tunelab.errors import UsageError

# Fewer different values than this are taken for labels, whatever they are.
_FEW = 10
# More labels than this, of which most rows have one for themselves, number the rows or name people.
_MANY = 100
_VERY_MANY = 1_000
# Rows that are looked at for another column.
_SAMPLE = 20_000


@dataclass(frozen=True)
class _Values:
    """A column: its rows, its different values, and what they are like.

    ``alone`` is the share of rows whose value no other row has, ``decimals`` the share of values
    that are numbers with decimals, and ``words`` how many words a value has on average.
    """

    rows: int
    different: int
    alone: float
    decimals: float
    words: float

    @property
    def share(self) -> float:
        return self.different / self.rows


def check_label_column(dataset: Dataset, *, text: str, label: str) -> list[str]:
    """Sentences on a label column that is doubtful.

    Raises:
        UsageError: it holds ids, free text or scores; the message names a column that looks like
            labels, if there is one.
    """
    rows = [row for split in dataset.splits.values() for row in split]
    found = _values([row.label for row in rows])
    if found.different < _FEW:
        return []
    refused = _refusal(found)
    if found.rows >= 20 and found.share > 0.8:
        texts = len({row.text for row in rows})
        if 2 <= texts <= found.rows / 4:
            raise UsageError(
                f"the column {label!r} has {found.different:,} different values in "
                f"{count_of(found.rows, 'row')}, and the column {text!r} only {texts:,}: they "
                f"seem to be swapped; try data.text={label} data.label={text}."
            )
    several = f"{found.different:,} different values in {count_of(found.rows, 'row')}"
    if refused is not None:
        raise UsageError(
            f"the column {label!r} has {several}{refused} {_proposal(rows, text, label)}"
        )
    if found.share > 0.5 or (found.different > _MANY and found.share > 0.2):
        return [
            f"The column {label!r} has {several}: little can be learnt from so few rows of each, "
            f"if these are the labels. {_proposal(rows, text, label)}"
        ]
    if found.decimals > 0.5 and found.different >= 20:
        return [
            f"The column {label!r} has {several}, most of them numbers with decimals. If they are "
            "scores, cut them into classes, as low and high: tunelab does not predict numbers."
        ]
    return []


def _refusal(found: _Values) -> str | None:
    if found.decimals > 0.5 and found.different >= 20 and found.share > 0.1:
        return (
            ", most of them numbers with decimals, so they are probably scores. tunelab predicts "
            "classes, not numbers: cut them into classes, such as low and high, or name another "
            "column."
        )
    if found.rows >= 30 and found.share > 0.8 and found.words >= 5:
        return ", of many words each: it holds texts, not labels."
    if found.different > _MANY and found.alone > 0.5:
        return ": it seems to number the rows or to name people, and does not hold labels."
    if found.different > _VERY_MANY and found.share > 0.05:
        return ", too few rows of each to be labels: it seems to name people or things."
    return None


def _values(cells: Sequence[str]) -> _Values:
    counts = Counter(cells)
    sample = list(counts)[:_SAMPLE]
    return _Values(
        rows=max(1, len(cells)),
        different=len(counts),
        alone=sum(count == 1 for count in counts.values()) / max(1, len(cells)),
        decimals=sum(map(_is_decimal, sample)) / max(1, len(sample)),
        words=sum(len(value.split()) for value in sample) / max(1, len(sample)),
    )


def _is_decimal(value: str) -> bool:
    try:
        return not float(value).is_integer()
    except (ValueError, OverflowError):
        return False


def _proposal(rows: Sequence[Example], text: str, label: str) -> str:
    """The column that looks most like labels, or all that there are."""
    sample = rows[:_SAMPLE]
    for name, different in label_columns(row.extra for row in sample).items():
        return (
            f"The column {name!r} ({different:,} different values) looks like the labels: "
            f"data.label={name}."
        )
    columns = list(dict.fromkeys(key for row in sample[:100] for key in row.extra))
    names = listed([repr(name) for name in (text, label, *columns)], most=20)
    return f"No other column looks like labels; the columns are {names}."
