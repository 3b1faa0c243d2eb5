"""Faults of labelled text, counted before anything is trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tunelab.data.examples import Dataset, Example
from tunelab.data.near_duplicates import near_duplicates
from tunelab.data.text_identity import identity

# More rows than this are not compared in pairs: the check should take seconds.
_NEAR_DUPLICATE_ROWS = 20_000
_SHOWN = 5


@dataclass(frozen=True)
class DataReport:
    """Counts of faults, and up to five texts of each.

    ``repeated``: by split, rows that repeat an earlier text of the same split.
    ``conflicting``: texts of the training split with several labels. ``shared``: texts of
    validation and of test that are also in an earlier split. ``blank``: by split, rows without
    a visible character. ``near_duplicates``: pairs of training rows that share at least 80 % of
    their shingles without being the same, or None where there are too many rows to compare.
    """

    repeated: Mapping[str, int]
    conflicting: int
    shared: Mapping[str, int]
    blank: Mapping[str, int]
    near_duplicates: int | None
    samples: Mapping[str, Sequence[str]]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)


def check(dataset: Dataset) -> DataReport:
    """Count the faults of a data set. Texts are the same by :func:`~.text_identity.identity`."""
    splits = dataset.splits
    texts = {split: [_key(row) for row in rows] for split, rows in splits.items()}
    labels_of = _labels_by_text(splits["train"])
    conflicting = [text for text, labels in labels_of.items() if len(labels) > 1 and text]
    repeated = {split: _repeats(rows) for split, rows in splits.items()}
    train, validation = set(texts["train"]), set(texts["validation"])
    shared = {
        "validation": sorted({text for text in texts["validation"] if text in train and text}),
        "test": sorted({text for text in texts["test"] if text in train | validation and text}),
    }
    blank = {split: sum(not text for text in entries) for split, entries in texts.items()}
    return DataReport(
        repeated={split: len(rows) for split, rows in repeated.items()},
        conflicting=len(conflicting),
        shared={split: len(found) for split, found in shared.items()},
        blank=blank,
        near_duplicates=_count_near_duplicates(texts["train"]),
        samples={
            "repeated": [row.text for row in repeated["train"]][:_SHOWN],
            "conflicting": conflicting[:_SHOWN],
            "shared": [text for found in shared.values() for text in found][:_SHOWN],
        },
    )


def clean(dataset: Dataset, *, drop: Sequence[str]) -> tuple[Dataset, dict[str, dict[str, int]]]:
    """Leave out faulty rows; return the data and how many rows of each split went for what.

    Blank rows always go, since nothing can be learnt from them or asked. Of the training rows,
    ``repeated`` leaves out all but the first of equal rows, ``conflicting`` every row whose text
    has several labels. ``shared`` leaves out the training and validation rows whose text stands
    in a later split. Test rows stay, so that results compare with other people's.
    """
    splits = {split: list(rows) for split, rows in dataset.splits.items()}
    before = {split: len(rows) for split, rows in splits.items()}
    dropped: dict[str, dict[str, int]] = {}

    def count(fault: str) -> None:
        lost = {split: before[split] - len(rows) for split, rows in splits.items()}
        dropped[fault] = {split: number for split, number in lost.items() if number}
        before.update({split: len(rows) for split, rows in splits.items()})

    splits = {split: [row for row in rows if _key(row)] for split, rows in splits.items()}
    count("blank")
    if "conflicting" in drop:
        labels_of = _labels_by_text(splits["train"])
        splits["train"] = [row for row in splits["train"] if len(labels_of[_key(row)]) == 1]
        count("conflicting")
    if "repeated" in drop:
        splits["train"] = list(
            {(_key(row), row.label): row for row in splits["train"][::-1]}.values()
        )[::-1]
        count("repeated")
    if "shared" in drop:
        test = {_key(row) for row in splits["test"]}
        splits["validation"] = [row for row in splits["validation"] if _key(row) not in test]
        later = test | {_key(row) for row in splits["validation"]}
        splits["train"] = [row for row in splits["train"] if _key(row) not in later]
        count("shared")
    return replace(dataset, splits=splits), {key: lost for key, lost in dropped.items() if lost}


def _key(row: Example) -> str:
    return identity(row.text)


def _labels_by_text(rows: Sequence[Example]) -> dict[str, set[str]]:
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(_key(row), set()).add(row.label)
    return labels


def _repeats(rows: Sequence[Example]) -> list[Example]:
    counts: Counter[str] = Counter()
    repeats = []
    for row in rows:
        if counts[_key(row)] and _key(row):
            repeats.append(row)
        counts[_key(row)] += 1
    return repeats


def _count_near_duplicates(texts: Sequence[str]) -> int | None:
    if len(texts) > _NEAR_DUPLICATE_ROWS:
        return None

    unique = sorted(set(texts))
    return len(near_duplicates(unique, 0.8))
