"""Metrics of predictions. An undefined value is None with a reason, never 0."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

_NO_ROWS = "there are no rows"


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one label; ``support`` and ``predicted`` count rows."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int


@dataclass(frozen=True)
class Scores:
    """All metrics of one model on one set of rows.

    An answer without a label counts as wrong in every metric. ``accuracy_low`` and
    ``accuracy_high`` are the 95 % Wilson interval over rows. ``confusion`` has a row a true
    label and a column a predicted one, in the order of ``labels``; its last column counts the
    unparsed answers. ``undefined`` gives the reason for each None by name, such as ``accuracy``
    or ``joy.precision``.
    """

    rows: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    f1_macro: float | None
    f1_micro: float | None
    f1_weighted: float | None
    unparsed: int
    labels: tuple[str, ...]
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    undefined: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The metrics as JSON values."""
        return asdict(replace(self, undefined=dict(self.undefined)))


def score(truth: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> Scores:
    """Compare predicted labels with the true ones; None stands for an unparsed answer.

    Macro-F1 is the mean over the labels whose F1 is defined, that is, which are true or
    predicted at least once. Micro-F1 sums hits and misses over all labels. Weighted F1 weighs
    each label by its true rows.

    Raises:
        ValueError: the lengths differ, or a label is not among ``labels``.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} true labels and {len(predicted)} predicted ones")
    order = {label: position for position, label in enumerate(labels)}
    confusion = [[0] * (len(labels) + 1) for _ in labels]
    for true, guess in zip(truth, predicted, strict=True):
        column = len(labels) if guess is None else order[guess]
        confusion[order[true]][column] += 1
    classes = tuple(_class_score(label, order[label], confusion) for label in labels)
    rows, hits = len(truth), sum(confusion[position][position] for position in range(len(labels)))
    defined = [entry.f1 for entry in classes if entry.f1 is not None]
    answered = sum(entry.predicted for entry in classes)
    low, high = wilson_interval(hits, rows)
    return Scores(
        rows=rows,
        accuracy=_ratio(hits, rows),
        accuracy_low=low,
        accuracy_high=high,
        f1_macro=_ratio(sum(defined), len(defined)),
        f1_micro=_ratio(2 * hits, rows + answered),
        f1_weighted=_ratio(sum((entry.f1 or 0.0) * entry.support for entry in classes), rows),
        unparsed=sum(row[-1] for row in confusion),
        labels=tuple(labels),
        classes=classes,
        confusion=tuple(tuple(row) for row in confusion),
        undefined=dict(_reasons(rows, classes)),
    )


def wilson_interval(
    hits: int, rows: int, confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """Wilson's score interval of a share, or None twice where there are no rows.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    if rows == 0:
        return None, None
    from scipy.stats import binomtest

    interval = binomtest(hits, rows).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def _class_score(label: str, position: int, confusion: list[list[int]]) -> ClassScore:
    hits = confusion[position][position]
    support = sum(confusion[position])
    predicted = sum(row[position] for row in confusion)
    return ClassScore(
        label=label,
        precision=_ratio(hits, predicted),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, support + predicted),
        support=support,
        predicted=predicted,
    )


def _reasons(rows: int, classes: Sequence[ClassScore]) -> Iterator[tuple[str, str]]:
    """The name of each undefined value, and why it is undefined."""
    if not rows:
        for name in ("accuracy", "accuracy_low", "accuracy_high"):
            yield name, _NO_ROWS
        for average in ("macro", "micro", "weighted"):
            yield f"f1_{average}", _NO_ROWS
    for entry in classes:
        if not entry.predicted:
            yield f"{entry.label}.precision", "never predicted" if rows else _NO_ROWS
        if not entry.support:
            yield f"{entry.label}.recall", "no row has this label" if rows else _NO_ROWS
        if not entry.support and not entry.predicted:
            reason = "no row has this label, and it was never predicted" if rows else _NO_ROWS
            yield f"{entry.label}.f1", reason


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
