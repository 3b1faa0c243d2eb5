"""Whether a metric keeps its contract: for the tests of whoever writes one.

from tunelab.evaluation.metrics.checking import faults

def test_contract() -> None:
    assert faults(METRIC) == []
"""

import math
import random
from collections.abc import Iterator, Sequence

from tunelab.evaluation.metrics.contract import Answered, Metric, Resampling
from tunelab.evaluation.predictions import Likelihoods, Predictions, parse_all

_LABELS = ("red", "green", "blue")
_RESAMPLING = Resampling(seed=1, resamples=200)


def faults(metric: Metric) -> list[str]:
    """What a metric does that its contract forbids, in sentences; none for a good one."""
    return [*_words(metric), *_values(metric), *_undefined(metric), *_differences(metric)]


def sample(rows: int, right: float, *, seed: int, turned: bool = False) -> Answered:
    """A made-up model, right in about a share of the rows; ``turned`` has them in another order.

    All of one number of rows have the same true labels.
    """
    draw = random.Random(seed)  # noqa: S311
    truth = [_LABELS[min(row % 5, 2)] for row in range(rows)]
    said = [
        label if draw.random() < right else draw.choice([*_LABELS, "nothing"]) for label in truth
    ]
    likely = [[-draw.random() - (label != true) * right for label in _LABELS] for true in truth]
    order = list(range(rows))
    if turned:
        random.Random(0).shuffle(order)  # noqa: S311
    return _model(
        [truth[at] for at in order], [said[at] for at in order], [likely[at] for at in order]
    )


def _model(
    truth: Sequence[str], said: Sequence[str], likely: Sequence[Sequence[float]]
) -> Answered:
    rows = len(truth)
    generated = parse_all(
        said, _LABELS, stopped=(True,) * rows, tokens=tuple(len(word) for word in said)
    )
    scored = tuple(_LABELS[max(range(3), key=row.__getitem__)] for row in likely)
    likelihoods = Likelihoods(
        logprobs=tuple(map(tuple, likely)),
        empty=(-1.0, -1.0, -1.0),
        tokens=(1, 1, 1),
        forced=tuple(guess == true for guess, true in zip(scored, truth, strict=True)),
    )
    texts = tuple(f"text {row}" for row in range(rows))
    predictions = Predictions(_LABELS, texts, tuple(truth), generated, likelihoods)
    return Answered(predictions, generated.labels, scored, name="model")


def _words(metric: Metric) -> Iterator[str]:
    if not metric.id.isidentifier() or metric.id != metric.id.lower():
        yield f"the id {metric.id!r} is not a lower-case name"
    if not metric.title.strip() or not metric.description.strip():
        yield "it has no title or no description"


def _values(metric: Metric) -> Iterator[str]:
    for right in (0.0, 0.5, 0.9, 1.0):
        answered = sample(60, right, seed=2)
        found = metric.estimate(answered, _RESAMPLING)
        ends = [end for end in (found.low, found.value, found.high) if end is not None]
        if ends != sorted(ends):
            yield f"the value {found.value} lies outside its interval"
        if any(not metric.limits[0] - 1e-9 <= end <= metric.limits[1] + 1e-9 for end in ends):
            yield f"{ends} lie outside of its limits {metric.limits}"
        if found.low is None and not found.reason:
            yield "an interval is None without a reason"
        if not _same(metric.value(answered).value, found.value):
            yield "value and estimate differ"
        turned = metric.estimate(sample(60, right, seed=2, turned=True), _RESAMPLING)
        pairs = zip(
            (found.low, found.value, found.high),
            (turned.low, turned.value, turned.high),
            strict=True,
        )
        if not all(_same(one, other) for one, other in pairs):
            yield "the order of the rows changes it"
        rows = metric.rows(answered)
        if rows is None or len(rows) != 60:
            yield "rows does not give a value for each row"


def _undefined(metric: Metric) -> Iterator[str]:
    alike = ["red"] * 12
    for kind, answered in (
        ("no rows", _model([], [], [])),
        ("one true label and one answer", _model(alike, alike, [[-0.1, -3.0, -3.0]] * 12)),
        ("answers without a label", _model(alike, ["?"] * 12, [[-3.0, -0.1, -3.0]] * 12)),
    ):
        for found in (metric.value(answered), metric.estimate(answered, _RESAMPLING)):
            numbers = [end for end in (found.low, found.value, found.high) if end is not None]
            if not all(map(math.isfinite, numbers)):
                yield f"of {kind} it gives {numbers}; what is not defined is None"
            if found.value is None and not found.reason:
                yield f"of {kind} it is None without a reason"
            if kind == "no rows" and found.value is not None:
                yield f"of no rows it gives {found.value}"


def _differences(metric: Metric) -> Iterator[str]:
    left, right = sample(60, 0.9, seed=2), sample(60, 0.4, seed=3)
    one = metric.compare(left, right, 0.0, _RESAMPLING)
    other = metric.compare(right, left, 0.0, _RESAMPLING)
    own = metric.value(left).value, metric.value(right).value
    if one.value is None or other.value is None or own[0] is None or own[1] is None:
        yield "two models that answered are not compared"
        return
    if not _same(one.value, -other.value) or not _same(one.value, own[0] - own[1]):
        yield "the difference is not left's value minus right's"
    if one.p_value is None and not one.reason:
        yield "a difference has no p-value and no reason"
    if not metric.mean_of_rows and one.p_value and "standard_error" not in one.details:
        yield "a difference lacks the standard error, so that seeds cannot be compared"
    against = metric.compare(left, own[1], 0.0, _RESAMPLING)
    if not _same(against.value, one.value):
        yield "the difference from a number is not the value minus it"
    same = metric.compare(left, left, 0.0, _RESAMPLING)
    if not _same(same.value, 0.0) or (same.p_value or 1.0) < 0.5:
        yield "a model differs from itself"


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, abs_tol=1e-9)
