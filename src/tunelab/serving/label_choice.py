"""Which labels a model can answer with when a file is evaluated, and what the file lacks or has.

The labels belong to the task and not to the file: a file that lacks one would otherwise make the
task easier, and one with a single label would make it no task at all. An adapter has the labels
that it was trained with.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from tunelab.data.examples import Example
from tunelab.data.normalizing import normal_label
from tunelab.errors import UsageError
from tunelab.guards.visible_text import visible

_SHOWN = 12
# More labels than this, of which most rows have one for themselves, are none.
_MANY = 100


@dataclass(frozen=True)
class LabelChoice:
    """The possible answers, in the order of the prompt, and where they come from.

    ``unknown`` counts the rows of each label of the file that is no possible answer; ``absent``
    are possible answers that no row has.
    """

    labels: tuple[str, ...]
    source: str
    unknown: Mapping[str, int]
    absent: tuple[str, ...]


def choice_of(
    labels: Sequence[str], source: str, rows: Sequence[Example], *, who: str
) -> LabelChoice:
    """Hold ``labels`` against those of a file's rows; ``who`` answers with them.

    Raises:
        UsageError: no row has any of the labels.
    """
    counts = Counter(row.label for row in rows)
    unknown = {label: counts[label] for label in sorted(counts) if label not in set(labels)}
    if len(unknown) == len(counts):
        raise UsageError(
            f"no label of the file is one that {who} can answer: the file has "
            f"{counted(unknown)}, and {who} has {listed(labels)}. "
            + (near(unknown, labels) or "Is it the right file, and the right column (--label)?")
        )
    absent = tuple(label for label in labels if label not in counts)
    return LabelChoice(tuple(labels), source, unknown, absent)


def same_numbers(rows: Sequence[Example], labels: Iterable[str]) -> list[Example]:
    """The rows; a label that is the number of one of ``labels``, as "1.0" is of "1", becomes it."""
    known = set(labels)
    numbers = {_number(label): label for label in known if _number(label) is not None}
    spelled = {
        label: numbers[number]
        for label in {row.label for row in rows} - known
        if (number := _number(label)) in numbers
    }
    return [replace(row, label=spelled.get(row.label, row.label)) for row in rows]


def _number(label: str) -> float | None:
    return float(label) if re.fullmatch(r"[-+]?\d{1,9}(?:\.\d{1,9})?", label, re.ASCII) else None


def labels_for_models(
    given: Sequence[str] | None,
    adapters: Mapping[str, Sequence[str]],
    rows: Sequence[Example],
    shown: Sequence[Example],
) -> tuple[tuple[str, ...], str]:
    """The labels that models without an adapter are asked for, and where they come from.

    Those ``given``; else those of the adapters, so that all choose among the same; else those of
    the file and of the examples ``shown``.

    Raises:
        UsageError: there is only one, an example has another one, or the file's column of labels
            holds no labels.
    """
    if given is not None:
        labels, source = tuple(given), "those of --labels"
    elif adapters:
        labels = tuple(dict.fromkeys(label for each in adapters.values() for label in each))
        source = "those of " + " and ".join(adapters)
    else:
        labels = tuple(sorted({row.label for row in [*rows, *shown]}))
        source = "those of the file"
        alone = sum(count == 1 for count in Counter(row.label for row in rows).values())
        if len(labels) > _MANY and alone > len(rows) / 2:
            raise UsageError(
                f"the column of the labels has {len(labels):,} different values in "
                f"{len(rows):,} rows, so it does not seem to hold labels. Name the right column "
                "with --label, or the labels of the task with --labels."
            )
    if len(labels) < 2:
        raise UsageError(
            f"there is only one possible answer, {labels[0]!r} ({source}), so every answer would "
            "be right; name all labels of the task, as in --labels anger,fear,joy."
        )
    strange = sorted({row.label for row in shown} - set(labels))
    if strange:
        raise UsageError(
            f"the examples have the label {strange[0]!r}, which is not one of {listed(labels)}."
        )
    return labels, source


def parse_labels(words: str) -> tuple[str, ...]:
    """Labels with commas between them, quoted where they hold one, or a .txt file, one a line.

    Raises:
        UsageError: a label is blank or stands there twice, or the file cannot be read.
    """
    path = Path(words)
    if path.suffix.lower() == ".txt":
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"--labels {words}: there is no such file of UTF-8 lines.") from None
        labels = [normal_label(line) for line in lines if normal_label(line)]
    else:
        cells = next(csv.reader([words], skipinitialspace=True), [])
        labels = [normal_label(cell) for cell in cells]
    if not labels or not all(labels):
        raise UsageError("--labels has a blank label; write them as in --labels anger,fear,joy.")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise UsageError(f"--labels has {twice[0]!r} twice; name each once.")
    return tuple(labels)


def listed(labels: Sequence[str]) -> str:
    """Labels in a sentence, the first ones of many."""
    shown = ", ".join(visible(label) for label in labels[:_SHOWN])
    return shown if len(labels) <= _SHOWN else f"{shown} and {len(labels) - _SHOWN} more"


def counted(labels: Mapping[str, int]) -> str:
    """Labels in a sentence with their rows, those with the most rows first."""
    ordered = sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))
    return listed([f"{label!r} ({rows(number)})" for label, number in ordered])


def rows(number: int) -> str:
    """A number of rows in words."""
    return "1 row" if number == 1 else f"{number} rows"


def near(strange: Iterable[str], labels: Sequence[str]) -> str | None:
    """A question on a strange label that looks like one of ``labels``, or None."""
    folded = {label.strip().casefold(): label for label in labels}
    for label in strange:
        found = get_close_matches(label.strip().casefold(), folded, n=1, cutoff=0.75)
        if found:
            return f"Is {label!r} meant to be {folded[found[0]]!r}? Rename it in the file."
    return None
