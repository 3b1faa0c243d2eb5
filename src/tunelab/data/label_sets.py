"""The labels of all splits together: which are one, which are hidden, and which stand alone."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tunelab.data.confusable_labels import confusable
from tunelab.data.examples import SPLITS, Dataset, Example
from tunelab.data.loading_notes import LoadingNotes, count_of, listed
from tunelab.data.normalizing import normal_label
from tunelab.data.splitting import hash_rows
from tunelab.errors import UsageError

# What stands for a label that is not given away, as in the test rows of a benchmark.
_HIDDEN = frozenset({"-1", "?"})
_MISSING = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "#n/a", "nil", "undefined"})
_WHOLE = re.compile(r"(-?\d+)\.0+")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
# A list as Python or JSON writes it.
_LIST = re.compile(r"""\[\s*(?:(["']).*\1|\d+(?:[,\s]+\d+)*)?\s*\]""")
# What stands between labels where a cell holds several.
_LISTED = re.compile(r"\s*[,;|]\s*")
_BETWEEN = re.compile(r"\s*[,;|/+&]\s*")


def settle_labels(dataset: Dataset, notes: LoadingNotes) -> Dataset:
    """Take spellings of one number as one label, and leave out splits whose labels are hidden.

    What was done, and which labels are easily confused, is noted.

    Raises:
        UsageError: no label of a split stands in the training rows.
    """
    splits = _one_spelling(dataset.splits, notes)
    trained = {row.label for row in splits["train"]}
    declared = {normal_label(name) for names in notes.class_names.values() for name in names}
    for split in ("validation", "test"):
        labels = {row.label for row in splits[split]}
        if not labels or labels & trained:
            continue
        if labels <= _HIDDEN:
            notes.tell(
                f"All {count_of(len(splits[split]), f'{split} row')} have the label "
                f"{next(iter(labels))!r}, which no training row has: hidden labels, on which "
                "nothing can be measured; these rows are not used."
            )
            splits[split] = []
            continue
        if labels <= declared:
            continue
        raise UsageError(
            f"no label of the {split} rows ({listed(sorted(labels))}) stands in the training "
            f"rows, whose labels are {listed(sorted(trained))}; write them alike in all files."
        )
    found = {row.label for rows in splits.values() for row in rows}
    written = {row.label for split in SPLITS for row in dataset.splits[split]}
    # A class that is declared and has no row stays: models may answer it.
    kept = [label for label in dataset.labels if label in found or label not in written]
    for sentence in (*notes.merged(), *confusable(kept), *_odd(kept)):
        notes.tell(sentence)
    return replace(dataset, splits=splits, labels=kept, hash=hash_rows(splits, kept))


def _one_spelling(
    splits: Mapping[str, Sequence[Example]], notes: LoadingNotes
) -> dict[str, list[Example]]:
    """Where "1" and "1.0" both stand, the second becomes the first."""
    counts = Counter(row.label for rows in splits.values() for row in rows)
    whole = {
        label: match[1]
        for label in counts
        if (match := _WHOLE.fullmatch(label)) and match[1] in counts
    }
    for label, other in sorted(whole.items()):
        notes.tell(
            f"The labels {label!r} ({count_of(counts[label], 'row')}) and {other!r} "
            f"({count_of(counts[other], 'row')}) are one number and taken as one label, {other!r}."
        )
    return {
        split: [replace(row, label=whole[row.label]) if row.label in whole else row for row in rows]
        if whole
        else list(rows)
        for split, rows in splits.items()
    }


def _odd(labels: Sequence[str]) -> list[str]:
    """Labels that are read as they stand, though they say little or nothing."""
    sentences = []
    missing = [label for label in labels if label.casefold() in _MISSING]
    if missing:
        names = listed([repr(label) for label in missing])
        sentences.append(
            f"The label {names} looks like a value that is missing; it is taken as a class."
            if len(missing) == 1
            else f"The labels {names} look like values that are missing; each is taken as a class."
        )
    joined = _joined(labels)
    if joined:
        sentences.append(
            f"{count_of(len(joined), 'label joins', 'labels join')} other labels "
            f"({listed([repr(label) for label in joined])}), as where a text has several. tunelab "
            "gives a text one label: each of these is taken as a class of its own."
        )
    if labels and all(_NUMBER.fullmatch(label) for label in labels):
        sentences.append(
            f"The labels are bare numbers ({listed(labels)}). A model that is asked cannot know "
            "what they mean; replace them by names if there are any."
        )
    return sentences


def _joined(labels: Sequence[str]) -> list[str]:
    """Labels that hold several: written as a list, or joined from what stands in other labels."""
    single = set(labels)
    parts = {label: _BETWEEN.split(label) for label in labels}
    holding = Counter(part for split in parts.values() for part in set(split))
    return [
        label
        for label in labels
        if _LIST.fullmatch(label)
        or (len(parts[label]) > 1 and all(part and holding[part] > 1 for part in parts[label]))
        or (len(_LISTED.split(label)) > 1 and not single.isdisjoint(_LISTED.split(label)))
    ]


def labels_of_one_split(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What cannot be learnt or measured, by name; ``counts`` are rows by split and label."""
    train, validation, test = (counts[split] for split in SPLITS)
    tested = [label for label in test if test[label]]
    only = (
        [
            f"All test rows have the label {tested[0]!r}, so the scores cannot say how well any "
            "label is distinguished from the others; bring test rows of other labels, or more rows."
        ]
        if len(tested) == 1
        else []
    )
    return [
        *only,
        *_about(
            [label for label in train if not train[label] and test[label]],
            "test rows and no training row, so that nothing that is trained can learn {it}",
        ),
        *_about(
            [la for la in train if not train[la] and not test[la] and validation[la]],
            "validation rows and no training row",
        ),
        *_about(
            [la for la in train if not (train[la] or validation[la] or test[la])],
            "no row at all, so that an answer that names {it} is never right",
        ),
        *_about(
            [label for label in train if train[label] and not test[label]],
            "no test row, so that it cannot be measured how well {it} {is} recognised",
        ),
        *_about(
            [label for label in train if train[label] == 1],
            "one training row, from which hardly anything can be learnt",
        ),
    ]


def _about(labels: Sequence[str], what: str) -> list[str]:
    if not labels:
        return []
    names = listed([repr(label) for label in labels])
    if len(labels) == 1:
        words = what.replace("{it}", "it").replace("{is}", "is")
        return [f"The label {names} has {words}."]
    words = what.replace("{it}", "them").replace("{is}", "are").replace("well them", "well they")
    return [f"{len(labels):,} labels have {words}: {names}."]
