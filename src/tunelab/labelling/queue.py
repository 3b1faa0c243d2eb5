"""The order in which rows are given to people, and why each row comes where it does."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunelab.data.text_identity import identity
from tunelab.evaluation.label_noise import likely_label_noise

# A text whose conformal p-value is at most this counts as drifted; of texts that are like those of
# the training, at most this share does.
DRIFTED = 0.05


@dataclass(frozen=True)
class SourceRow:
    """A row of the file: its line ``number`` from 1, its text, and the label that it has there."""

    number: int
    text: str
    given: str | None = None


@dataclass(frozen=True)
class Said:
    """What the classifier said of a row.

    ``probabilities``: of each label by name, with the sum 1; None where it has none.
    ``needs_review``: what its rule of review says; None where it has no rule.
    """

    label: str | None
    probabilities: Mapping[str, float] | None = None
    needs_review: bool | None = None

    @property
    def probability(self) -> float | None:
        """The probability of its label."""
        if self.probabilities is None or self.label is None:
            return None
        return self.probabilities.get(self.label)

    @property
    def uncertainty(self) -> float | None:
        """1 minus the margin: 1 where the two likeliest labels are equally likely, 0 where one is
        certain. An answer without a label has 1. None where there are no probabilities.

        Source: Scheffer, Decomain and Wrobel, Active Hidden Markov Models for Information
        Extraction, 2001 (margin sampling).
        """
        if self.label is None:
            return 1.0
        if self.probabilities is None:
            return None
        first, second, *_ = [*sorted(self.probabilities.values(), reverse=True), 0.0, 0.0]
        return 1.0 - (first - second)


@dataclass(frozen=True)
class QueuedRow:
    """A row as people get it.

    ``id`` is made of its text. ``given`` is its label in the file. ``reasons`` say why it comes
    where it does, the decisive one first.
    """

    id: str
    number: int
    text: str
    given: str | None
    said: Said
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """The rows to ask, in order, and those that need no label: ``labelled`` have one in the file
    that is not in doubt. ``repeated`` counts rows whose text came before.
    """

    rows: tuple[QueuedRow, ...]
    labelled: tuple[SourceRow, ...]
    repeated: int


def row_id(text: str) -> str:
    """The name of a row: the first 16 digits of the SHA-256 of its text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def order_rows(
    rows: Sequence[SourceRow],
    said: Sequence[Said],
    labels: Sequence[str],
    drift: Sequence[float] | None = None,
) -> Queue:
    """Put rows in the order in which labels of them help most.

    Three lists take turns, each with its own score: rows without a label, the most uncertain first
    (:attr:`Said.uncertainty`; where the classifier has a rule of review, those that need one);
    rows whose label in the file is in doubt
    (:func:`~tunelab.evaluation.label_noise.likely_label_noise`, or the file gives the text several
    labels); and rows that drifted, those least like the training texts first. All other rows
    without a label follow, the most uncertain first; those without a visible text are last. Rows
    of the same text are asked once.

    Args:
        rows: of the file.
        said: (rows,), what the classifier said of each.
        labels: the labels of the classifier.
        drift: (rows,), conformal p-values of "this text is like the training texts"; None where
            they are not known, or a test does not tell the texts from the training texts.
    """
    p_values = [None] * len(rows) if drift is None else list(drift)
    merged = list(_merged(rows))
    kept = [position for position, _, _ in merged]
    doubts = _doubts(merged, said, labels)
    reasons: dict[int, list[str]] = {position: [] for position in kept}
    for position, found in doubts.items():
        reasons[position].append(found[1])
    open_rows = [position for position, row, several in merged if row.given is None and not several]
    unseen = [position for position in open_rows if not identity(rows[position].text)]
    seen = sorted(set(open_rows) - set(unseen), key=lambda one: _rank(said[one], one))
    unsure = [position for position in seen if _is_unsure(said[position])]
    for position in unsure:
        reasons[position].append(_why_unsure(said[position]))
    drifted = sorted(
        (position for position in seen if (p_values[position] or 1.0) <= DRIFTED),
        key=lambda one: (p_values[one], one),
    )
    for position in drifted:
        reasons[position].append(
            "drifted: its words are unlike those of the training texts "
            f"(p = {p_values[position]:.3f})"
        )
    in_doubt = sorted(doubts, key=lambda one: (doubts[one][0], one))
    order = list(dict.fromkeys([*_in_turn(unsure, in_doubt, drifted), *seen, *unseen]))
    sources = {position: row for position, row, _ in merged}
    queued = []
    for position in order:
        why = reasons[position] or [_why_later(rows[position], said[position])]
        row = sources[position]
        queued.append(
            QueuedRow(row_id(row.text), row.number, row.text, row.given, said[position], tuple(why))
        )
    done = set(order)
    return Queue(
        rows=tuple(queued),
        labelled=tuple(row for position, row, _ in merged if position not in done),
        repeated=len(rows) - len(merged),
    )


def _merged(rows: Sequence[SourceRow]) -> Iterator[tuple[int, SourceRow, tuple[str, ...]]]:
    """The first row of each text with its label, and all labels where the file gives several."""
    same: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        same.setdefault(identity(row.text) or f"\0{row.text}", []).append(position)
    for positions in same.values():
        given = [rows[one].given for one in positions if rows[one].given is not None]
        different = tuple(dict.fromkeys(str(one) for one in given))
        first = rows[positions[0]]
        if len(different) > 1:
            yield positions[0], replace(first, given=None), different
        else:
            yield positions[0], replace(first, given=next(iter(different), None)), ()


def _doubts(
    merged: Sequence[tuple[int, SourceRow, tuple[str, ...]]],
    said: Sequence[Said],
    labels: Sequence[str],
) -> dict[int, tuple[float, str]]:
    """Of each row in doubt a score, the most suspect lowest, and the reason."""
    found: dict[int, tuple[float, str]] = {
        position: (-2.0, f"in doubt: the file gives this text the labels {' and '.join(several)}")
        for position, _, several in merged
        if several
    }
    columns = {label: column for column, label in enumerate(labels)}
    checked: list[tuple[int, str, Mapping[str, float]]] = []
    for position, row, _ in merged:
        probabilities = said[position].probabilities
        if row.given in columns and probabilities is not None and identity(row.text):
            checked.append((position, str(row.given), probabilities))
    if not checked:
        return found
    table = [[values.get(label, 0.0) for label in labels] for _, _, values in checked]
    for candidate in likely_label_noise(table, [columns[given] for _, given, _ in checked]):
        position, given, _ = checked[candidate.row]
        found[position] = (
            candidate.margin,
            f"in doubt: its label in the file, {given}, is improbable to the classifier",
        )
    return found


def _in_turn(*lists: Sequence[int]) -> Iterator[int]:
    """One of each list, again and again; a row that came before is passed over."""
    taken: set[int] = set()
    waiting: list[Iterator[int]] = [iter(one) for one in lists]
    while waiting:
        for one in list(waiting):
            position = next((row for row in one if row not in taken), None)
            if position is None:
                waiting.remove(one)
            else:
                taken.add(position)
                yield position


def _rank(said: Said, position: int) -> tuple[float, int]:
    uncertainty = said.uncertainty
    return (1.0 if uncertainty is None else -uncertainty, position)


def _is_unsure(said: Said) -> bool:
    if said.needs_review is not None:
        return said.needs_review
    return said.uncertainty is not None


def _why_unsure(said: Said) -> str:
    if said.label is None:
        return "uncertain: the classifier gave no label"
    if said.probabilities is None:
        return "uncertain: by its rule of review, a person should look at it"
    apart = 1.0 - (said.uncertainty or 0.0)
    return f"uncertain: the two likeliest labels are {100 * apart:.1f} percentage points apart"


def _why_later(row: SourceRow, said: Said) -> str:
    if not identity(row.text):
        return "last: it has no visible text"
    if said.uncertainty is None:
        return "in the order of the file: the classifier has no probabilities"
    return "after the others: the classifier is sure by its rule of review"


def to_json(row: QueuedRow) -> dict[str, Any]:
    """A row as JSON values."""
    return {
        "id": row.id,
        "number": row.number,
        "text": row.text,
        "given": row.given,
        "said": row.said.label,
        "probabilities": None if row.said.probabilities is None else dict(row.said.probabilities),
        "needs_review": row.said.needs_review,
        "reasons": list(row.reasons),
    }


def from_json(record: Mapping[str, Any]) -> QueuedRow:
    """What :func:`to_json` gave.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    probabilities = record["probabilities"]
    return QueuedRow(
        id=str(record["id"]),
        number=int(record["number"]),
        text=str(record["text"]),
        given=None if record["given"] is None else str(record["given"]),
        said=Said(
            None if record["said"] is None else str(record["said"]),
            None
            if probabilities is None
            else {str(label): float(value) for label, value in probabilities.items()},
            record["needs_review"],
        ),
        reasons=tuple(map(str, record["reasons"])),
    )
