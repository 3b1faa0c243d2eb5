"""Accuracy: the share of rows with the true label, for each way of asking a model."""

from collections.abc import Sequence

from tunelab.evaluation.metrics.constructors import right_rows, share_metric
from tunelab.evaluation.metrics.contract import Answered


def _generated(answered: Answered) -> Sequence[float] | None:
    generated = answered.predictions.generated
    if generated is None:
        return None
    return [
        float(true == guess) for true, guess in zip(answered.truth, generated.labels, strict=True)
    ]


def _scored(answered: Answered) -> Sequence[float] | None:
    # A classifier that writes no text gives the label that it finds likeliest.
    chosen = answered.predicted if answered.predictions.given else answered.scored
    if chosen is None:
        return None
    return [float(true == guess) for true, guess in zip(answered.truth, chosen, strict=True)]


def _forced(answered: Answered) -> Sequence[float] | None:
    likelihoods = answered.predictions.likelihoods
    return None if likelihoods is None else list(map(float, likelihoods.forced))


ACCURACY = share_metric(
    "accuracy",
    "accuracy",
    "share of rows with the true label",
    right_rows,
    headline=True,
    chart=True,
    hub_type="accuracy",
)
GENERATED = share_metric(
    "accuracy_generated",
    "accuracy, answers in words",
    "share of rows whose answer in words gives the true label",
    _generated,
    reads="answers",
)
SCORED = share_metric(
    "accuracy_scored",
    "accuracy, likeliest label",
    "share of rows whose likeliest label is the true one",
    _scored,
    reads="likelihoods",
)
FORCED = share_metric(
    "accuracy_forced",
    "accuracy, teacher forcing",
    "share of rows right under teacher forcing",
    _forced,
    reads="likelihoods",
)
