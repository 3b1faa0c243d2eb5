"""What can be compared row by row: each metric's value in each row of one model's answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunelab.evaluation.predictions import Predictions

# The tokens of sentences, which tokenizers are compared by; its rows are sentences.
TOKENS = "tokens"

Values = Sequence[float] | None
Kind = Literal["share", "mean", "f1"]


@dataclass(frozen=True)
class Answered:
    """One model's answers.

    ``predicted`` are the labels of its first way of answering, ``scored`` the likeliest ones, or
    None where it was not asked for them.
    """

    predictions: Predictions
    predicted: tuple[str | None, ...]
    scored: tuple[str | None, ...] | None

    @property
    def truth(self) -> tuple[str, ...]:
        """The true labels."""
        return self.predictions.truth


@dataclass(frozen=True)
class RowMetric:
    """``values`` gives a number for each row, or None where the model was not asked that way.

    A share's values are 0 or 1. F1 has no values of rows: ``values`` is then 1 for a right row.
    """

    kind: Kind
    description: str
    values: Callable[[Answered], Values]


def _right(answered: Answered) -> Values:
    pairs = zip(answered.truth, answered.predicted, strict=True)
    return [float(true == guess) for true, guess in pairs]


def _generated_right(answered: Answered) -> Values:
    generated = answered.predictions.generated
    if generated is None:
        return None
    return [
        float(true == guess) for true, guess in zip(answered.truth, generated.labels, strict=True)
    ]


def _scored_right(answered: Answered) -> Values:
    if answered.scored is None:
        return None
    return [
        float(true == guess) for true, guess in zip(answered.truth, answered.scored, strict=True)
    ]


def _forced_right(answered: Answered) -> Values:
    likelihoods = answered.predictions.likelihoods
    return None if likelihoods is None else list(map(float, likelihoods.forced))


def _parsed(answered: Answered) -> Values:
    generated = answered.predictions.generated
    return None if generated is None else [float(label is not None) for label in generated.labels]


def _stopped(answered: Answered) -> Values:
    generated = answered.predictions.generated
    return None if generated is None else list(map(float, generated.stopped))


def _tokens(answered: Answered) -> Values:
    generated = answered.predictions.generated
    return None if generated is None else list(map(float, generated.tokens))


def _characters(answered: Answered) -> Values:
    generated = answered.predictions.generated
    return None if generated is None else [float(len(answer)) for answer in generated.answers]


def _words(answered: Answered) -> Values:
    generated = answered.predictions.generated
    if generated is None:
        return None
    return [float(len(answer.split())) for answer in generated.answers]


ROW_METRICS: Mapping[str, RowMetric] = {
    "accuracy": RowMetric("share", "share of rows with the true label", _right),
    "accuracy_generated": RowMetric(
        "share", "share of rows whose answer in words gives the true label", _generated_right
    ),
    "accuracy_scored": RowMetric(
        "share", "share of rows whose likeliest label is the true one", _scored_right
    ),
    "accuracy_forced": RowMetric(
        "share", "share of rows right under teacher forcing", _forced_right
    ),
    "parsed": RowMetric("share", "share of answers that give one label", _parsed),
    "stopped": RowMetric("share", "share of answers that end by themselves", _stopped),
    "answer_tokens": RowMetric("mean", "tokens of an answer", _tokens),
    "answer_characters": RowMetric("mean", "characters of an answer", _characters),
    "answer_words": RowMetric("mean", "words of an answer", _words),
    "f1_macro": RowMetric("f1", "macro-F1", _right),
    "f1_micro": RowMetric("f1", "micro-F1", _right),
    "f1_weighted": RowMetric("f1", "weighted F1", _right),
}
