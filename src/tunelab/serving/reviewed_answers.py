"""Labels of texts with their probability, and whether a person should look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.contract import Answers, Fitted, LabelAnswer
from tunelab.errors import UsageError
from tunelab.evaluation.measuring import choose_labels
from tunelab.evaluation.parsing.answers import FAILED
from tunelab.evaluation.review.rows import NO_COLUMN
from tunelab.serving.review_rule import ReviewRule

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ReviewedAnswer(LabelAnswer):
    """The label of one text, and how sure it is.

    ``probability`` is that of the label, and ``probabilities`` those of all labels by name,
    calibrated where the classifier has a rule; None where it has none, or none was asked for.
    ``needs_review``: whether a person should look at it; None without a rule. ``label_set``: the
    labels that may be the true one, the likeliest first; None where they were not asked for.
    """

    probability: float | None = None
    needs_review: bool | None = None
    probabilities: Mapping[str, float] | None = None
    label_set: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Reviewing:
    """A classifier whose labels come with their probability, and with what a ``rule`` says of them.

    ``all_labels``: whether the probabilities of all labels are kept. ``label_sets``: whether each
    answer comes with its set of labels, which takes a rule that has some.
    """

    classifier: Fitted
    rule: ReviewRule | None = None
    all_labels: bool = False
    label_sets: bool = False

    def label(self, texts: Sequence[str]) -> list[ReviewedAnswer]:
        """The label of each text. An answer that has no label, or another than the likeliest one,
        needs a person wherever there is a rule.

        Raises:
            UsageError: there is a rule, and the classifier has no probabilities.
        """
        found = self.classifier.answer(texts)
        answers, table = labels_and_probabilities(found)
        if table is None:
            if self.rule is not None:
                raise UsageError(
                    f"{self.classifier.name} has no probabilities, so that no threshold can be "
                    "applied; leave out --threshold."
                )
            return [ReviewedAnswer(one.label, one.reason, one.raw) for one in answers]
        return self._reviewed(found.labels, answers, table)

    def _reviewed(
        self, labels: Sequence[str], answers: Sequence[LabelAnswer], table: "np.ndarray"
    ) -> list[ReviewedAnswer]:
        column = {label: position for position, label in enumerate(labels)}
        shown = table if self.rule is None else self.rule.calibrated(table)
        needed: Sequence[bool | None] = [None] * len(answers)
        if self.rule is not None:
            given = [one.label for one in answers]
            needed = needing_review(self.rule, labels, given, table)
        sets: Sequence[tuple[str, ...]] | None = None
        if self.rule is not None and self.label_sets:
            sets = self.rule.label_sets(table, labels)
        reviewed = []
        for position, (one, row, needs) in enumerate(zip(answers, shown, needed, strict=True)):
            reviewed.append(
                ReviewedAnswer(
                    one.label,
                    one.reason,
                    one.raw,
                    probability=None if one.label is None else float(row[column[one.label]]),
                    needs_review=needs,
                    probabilities=dict(zip(labels, map(float, row), strict=True))
                    if self.all_labels
                    else None,
                    label_set=None if sets is None else sets[position],
                )
            )
        return reviewed


def needing_review(
    rule: ReviewRule, labels: Sequence[str], answers: Sequence[str | None], table: "np.ndarray"
) -> list[bool]:
    """Whether a person should look at each answer by a ``rule``.

    ``table``: probabilities (answers, labels) as the classifier gives them. An answer without a
    label, or with another one than the likeliest, always needs a person.
    """
    column = {label: position for position, label in enumerate(labels)}
    columns = [NO_COLUMN if one is None else column[one] for one in answers]
    needed: list[bool] = rule.needs_review(table, columns).tolist()
    return needed


def labels_and_probabilities(
    found: Answers,
) -> "tuple[list[LabelAnswer], np.ndarray | None]":
    """The label of each text, and the probabilities (texts, labels) by which it is reviewed.

    The labels are answers in words where there are some. None for a classifier that gave no
    probabilities.
    """
    return _labels_of(found), _probabilities_of(found)


def as_reviewed(answer: LabelAnswer) -> ReviewedAnswer:
    """An answer with the columns of a reviewed one, which are None where it has none."""
    if isinstance(answer, ReviewedAnswer):
        return answer
    return ReviewedAnswer(answer.label, answer.reason, answer.raw)


def _labels_of(found: Answers) -> list[LabelAnswer]:
    """The answers in words where there are some, else the labels as given, or the likeliest."""
    if found.generated is not None:
        words = found.generated
        return [
            LabelAnswer(label, reason, None if reason == FAILED else raw)
            for label, reason, raw in zip(words.labels, words.reasons, words.answers, strict=True)
        ]
    labels = found.given.labels if found.given is not None else _likeliest(found)
    return [LabelAnswer(label, None, None) for label in labels]


def _likeliest(found: Answers) -> Sequence[str]:
    return () if found.scores is None else _choices(found).labels


def _probabilities_of(found: Answers) -> "np.ndarray | None":
    """As the classifier's ``probabilities``, array (texts, labels); None where it gave none."""
    import numpy as np

    rows: Sequence[Sequence[float]]
    if found.given is not None:
        if found.given.probabilities is None:
            return None
        rows = found.given.probabilities
    elif found.scores is not None:
        rows = _choices(found).probabilities
    else:
        return None
    return np.array(rows, dtype=float).reshape(len(rows), len(found.labels))


def _choices(found: Answers) -> Any:
    return choose_labels(found.scores, found.labels, normalize="sum", calibrate=False)  # type: ignore[arg-type]
