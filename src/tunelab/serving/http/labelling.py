"""Labels and probabilities of texts in one pass, as `predict` and `predict_proba` give them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.classifiers.contract import Answers, Fitted
from tunelab.classifiers.labelling import label_texts
from tunelab.classifiers.text_input import as_texts
from tunelab.data.text_identity import identity
from tunelab.evaluation.measuring import choose_labels


@dataclass(frozen=True)
class TextLabel:
    """The label of a text, or None and the ``reason``.

    ``probabilities``: (labels,), None where they were not asked for, or the classifier has none.
    """

    label: str | None
    reason: str | None
    probabilities: tuple[float, ...] | None = None


def label_in_one_pass(
    fitted: Fitted, texts: Sequence[str], *, probabilities: bool
) -> list[TextLabel]:
    """The label of each text, with the probabilities that the classifier has.

    The labels are those of :func:`~tunelab.classifiers.labelling.label_texts`. Texts that repeat
    are asked once, and a blank text is not asked.

    Raises:
        RunError: the classifier cannot answer.
    """
    if not probabilities:
        return [TextLabel(one.label, one.reason) for one in label_texts(fitted, texts)]
    normal = as_texts(texts, "texts")
    different = list(dict.fromkeys(text for text in normal if identity(text)))
    found = dict(zip(different, _read(fitted.answer(different)), strict=True)) if different else {}
    return [found.get(text, TextLabel(None, "blank text")) for text in normal]


def _read(answers: Answers) -> list[TextLabel]:
    """A label of each text from whichever way of answering the classifier has."""
    rows: Sequence[Sequence[float]] | None = None
    chosen: Sequence[str | None]
    if answers.scores is not None:
        choices = choose_labels(answers.scores, answers.labels, normalize="sum", calibrate=False)
        chosen, rows = choices.labels, choices.probabilities
    if answers.given is not None:
        chosen = answers.given.labels
        rows = answers.given.probabilities if rows is None else rows
    reasons: Sequence[str | None] = [None] * len(chosen)
    if answers.generated is not None:
        chosen, reasons = answers.generated.labels, answers.generated.reasons
    found = [None] * len(chosen) if rows is None else [tuple(map(float, row)) for row in rows]
    return [TextLabel(*one) for one in zip(chosen, reasons, found, strict=True)]
