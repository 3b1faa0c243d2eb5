"""New texts beside those of the training and the test, in numbers and in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.drift.label_shift import LabelShift, label_shift
from tunelab.evaluation.drift.two_sample import TwoSample, tell_apart
from tunelab.evaluation.statistics.corrections import holm
from tunelab.numbers import interval, number, p_value

_LEVEL = 0.05
# Labels whose share changed most that a sentence holds.
_NAMED = 3


@dataclass(frozen=True)
class Drift:
    """Both tests, with their p-values corrected for there being two (Holm)."""

    texts: TwoSample
    labels: LabelShift
    p_texts: float | None
    p_labels: float | None

    @property
    def texts_differ(self) -> bool | None:
        """Whether the texts differ from the training texts; None where it is not known."""
        return None if self.p_texts is None else self.p_texts < _LEVEL

    @property
    def labels_differ(self) -> bool | None:
        """Whether the answers have other shares than on the test rows."""
        return None if self.p_labels is None else self.p_labels < _LEVEL

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values, and in words."""
        return {
            "texts": {
                **self.texts.to_dict(),
                "p_corrected": self.p_texts,
                "differ": self.texts_differ,
            },
            "labels": {
                **self.labels.to_dict(),
                "p_corrected": self.p_labels,
                "differ": self.labels_differ,
            },
            "sentences": list(in_words(self)),
        }


def compare_texts(
    old: Sequence[Sequence[int]],
    new: Sequence[Sequence[int]],
    *,
    labels: Sequence[str],
    confusion: Sequence[Sequence[int]],
    counts: Mapping[str | None, int],
    seed: int,
) -> Drift:
    """Compare new texts with the training texts, and their answers with those to the test rows.

    ``old`` and ``new`` are hashed words. ``counts`` holds the new texts that got each label, None
    for no label; the other arguments are those of :func:`label_shift`.
    """
    texts = tell_apart(old, new, seed=seed)
    given = [counts.get(label, 0) for label in (*labels, None)]
    shift = label_shift(labels, confusion, given, seed=seed)
    p_texts, p_labels = holm([texts.p_value, shift.p_value])
    return Drift(texts, shift, p_texts, p_labels)


def in_words(drift: Drift) -> Iterator[str]:
    """What a person who labels these texts must know, the answer first."""
    yield _of_texts(drift)
    yield from _of_labels(drift)


def _of_texts(drift: Drift) -> str:
    if drift.p_texts is None:
        return f"Whether these texts are like the training texts is not tested: {_why(drift)}."
    shown = f"p {_shown(drift.p_texts)}, AUC {number(drift.texts.auc)}"
    if not drift.texts_differ:
        return f"No difference from the training texts is shown ({shown})."
    measured = drift.labels.tested
    accuracy = "the accuracy on the test rows"
    if measured is not None:
        accuracy += f", {number(measured)},"
    if drift.labels_differ:
        return (
            f"These texts differ from the training texts ({shown}). Unless only the shares "
            f"of the labels changed, {accuracy} may not hold for them: label some and evaluate."
        )
    return (
        f"These texts differ from the training texts ({shown}), and not by the shares of the "
        f"labels as far as the test shows: {accuracy} may not hold for them. Label some and "
        "evaluate."
    )


def _why(drift: Drift) -> str:
    return drift.texts.reason or "it is not known"


def _of_labels(drift: Drift) -> Iterator[str]:
    shift = drift.labels
    if drift.p_labels is None:
        if shift.untested != drift.texts.reason:
            yield f"The shares of the labels are not tested: {shift.untested}."
        return
    if not drift.labels_differ:
        return
    told = f"The answers have other shares than on the test rows (p {_shown(drift.p_labels)})"
    if shift.accuracy.value is None:
        yield f"{told}; what accuracy that leaves is not known: {shift.reason}."
        return
    changed = sorted(shift.shares, key=lambda one: -abs((one.now.value or 0) - one.tested))
    shares = ", ".join(
        f"{one.label} {number(one.now.value)} in place of {number(one.tested)}"
        for one in changed[:_NAMED]
    )
    accuracy = shift.accuracy
    yield (
        f"{told}: corrected for the errors on the test rows, {shares}. If only these shares "
        f"changed, the accuracy is {number(accuracy.value)}, 95 % interval "
        f"{interval(accuracy.low, accuracy.high)}, where the test rows gave {number(shift.tested)}."
    )


def _shown(value: float) -> str:
    found = p_value(value)
    return found if found.startswith("<") else f"= {found}"
