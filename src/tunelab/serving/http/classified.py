"""The answer to a request for labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.serving.http.labelling import TextLabel
from tunelab.serving.http.metrics import Metrics
from tunelab.serving.http.served import Served
from tunelab.serving.reviewed_answers import needing_review


def classified(
    one: Served, labels: Sequence[TextLabel], *, with_probabilities: bool
) -> dict[str, Any]:
    """The answer to a request for labels, as :class:`ClassifyResponse`."""
    assert one.fitted is not None
    names = one.fitted.labels
    shown, review, sets = _reviewed(one, labels)
    return {
        "model": one.id,
        **one.about,
        "labels": list(names),
        "threshold": None if one.rule is None else one.rule.threshold,
        "coverage": None if one.rule is None or one.rule.set_limit is None else one.rule.coverage,
        "results": [
            {
                "label": label.label,
                "reason": label.reason,
                "probabilities": dict(zip(names, row, strict=True))
                if with_probabilities and row is not None
                else None,
                "confidence": None if row is None or look is None else max(row),
                "needs_review": look,
                "label_set": found,
            }
            for label, row, look, found in zip(labels, shown, review, sets, strict=True)
        ],
    }


def _reviewed(
    one: Served, labels: Sequence[TextLabel]
) -> tuple[Sequence[Sequence[float] | None], Sequence[bool | None], Sequence[Sequence[str] | None]]:
    """The probabilities of each text, whether a person should look at it, and its set of labels.

    As `tunelab predict` gives them: calibrated where there is a rule. Without a rule nothing says
    who should look, which is None.
    """
    rows: list[Sequence[float] | None] = [label.probabilities for label in labels]
    look: list[bool | None] = [None] * len(labels)
    sets: list[Sequence[str] | None] = [None] * len(labels)
    # A blank text was not asked, and says nothing of the others.
    asked = [position for position, row in enumerate(rows) if row is not None]
    if one.rule is None or one.fitted is None or not asked:
        return rows, look, sets
    import numpy as np

    given = np.array([rows[position] for position in asked], dtype=float)
    answers = [labels[position].label for position in asked]
    needed = needing_review(one.rule, one.fitted.labels, answers, given)
    calibrated = one.rule.calibrated(given).tolist()
    found = one.rule.label_sets(given, one.fitted.labels)
    for at, (position, row, needs) in enumerate(zip(asked, calibrated, needed, strict=True)):
        rows[position], look[position] = row, needs
        sets[position] = None if found is None else found[at]
    return rows, look, sets


def count_labels(
    metrics: Metrics, model: str, results: Sequence[Mapping[str, Any]], facts: dict[str, Any]
) -> None:
    """Count labels for the metrics and for the line of the log, which holds no text."""
    counts = Counter(one["label"] or "" for one in results)
    metrics.count("tunelab_texts_total", len(results), model=model)
    for label, number in counts.items():
        metrics.count("tunelab_labels_total", number, model=model, label=label)
    facts["labels"] = dict(counts)
    review = [one["needs_review"] for one in results if one["needs_review"] is not None]
    if review:
        metrics.count("tunelab_needs_review_total", sum(review), model=model)
        facts["needs_review"] = sum(review)
