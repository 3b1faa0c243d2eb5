"""What a saved classifier says of rows, and whether they drifted from its training."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tunelab.evaluation.drift.compared import compare_texts, in_words
from tunelab.evaluation.drift.of_rows import unlike_training
from tunelab.labelling.queue import Said
from tunelab.serving.drift_reference import Reference
from tunelab.serving.review_rule import ReviewRule
from tunelab.serving.reviewed_answers import needing_review

_SEED = 0


def said_of(
    labels: Sequence[str],
    answers: Sequence[str | None],
    probabilities: Sequence[Sequence[float]] | None,
    rule: ReviewRule | None,
) -> list[Said]:
    """What was said of each row, calibrated where the classifier has a rule of review.

    ``probabilities``: (rows, labels), as the classifier gives them; None where it has none.
    """
    import numpy as np

    if probabilities is None:
        return [Said(answer) for answer in answers]
    table = np.asarray(probabilities, dtype=float).reshape(len(answers), len(labels))
    needed: list[bool | None] = [None] * len(answers)
    if rule is not None:
        needed = [*needing_review(rule, labels, answers, table)]
        table = rule.calibrated(table)
    return [
        Said(answer, dict(zip(labels, map(float, row), strict=True)), needs)
        for answer, row, needs in zip(answers, table, needed, strict=True)
    ]


def drift_of_rows(
    reference: Reference | None, texts: Sequence[str], answers: Sequence[str | None]
) -> tuple[list[float] | None, str]:
    """The p-value of each text to be like the training texts, and a sentence on all together.

    None where the classifier keeps no reference, where there are too few texts, and where a test
    does not tell the texts from the training texts: then no single one counts as drifted.
    """
    if reference is None:
        return None, "Whether the texts drifted is not known: the classifier keeps no reference."
    hashed: list[Any] = reference.hashed(texts)
    drift = compare_texts(
        reference.texts,
        hashed,
        labels=reference.labels,
        confusion=reference.confusion,
        counts=Counter(answers),
        seed=_SEED,
    )
    p_values = None
    if drift.texts_differ:
        p_values = unlike_training(reference.texts, hashed, seed=_SEED)
    return p_values, next(iter(in_words(drift)))
