"""What can be compared row by row: each metric's value in each row of one model's answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunelab.evaluation.limits import Span, at_least, exactly
from tunelab.evaluation.predictions import Predictions
from tunelab.numbers import Unit

# The tokens of sentences, which tokenizers are compared by; its rows are sentences.
TOKENS = "tokens"

Values = Sequence[float] | None
Kind = Literal["share", "mean", "f1"]


@dataclass(frozen=True)
class Answered:
    """One model's answers.

    ``predicted`` are the labels of its first way of answering, ``scored`` the likeliest ones, or
    None where it was not asked for them. ``name`` is what messages call it. ``writes`` is False for
    a baseline, which gives labels and no text. ``ends`` is how an answer ends that ends by itself,
    in words, None where that is not known. ``tokenizer`` tells tokenizers apart, None where it is
    not known.
    """

    predictions: Predictions
    predicted: tuple[str | None, ...]
    scored: tuple[str | None, ...] | None
    name: str = ""
    writes: bool = True
    ends: str | None = None
    tokenizer: str | None = None

    @property
    def truth(self) -> tuple[str, ...]:
        """The true labels."""
        return self.predictions.truth


@dataclass(frozen=True)
class RowMetric:
    """``values`` gives a number for each row, or None where the model was not asked that way.

    A share's values are 0 or 1. F1 has no values of rows: ``values`` is then 1 for a right row.
    ``about`` is what it measures: the label, the text that was written, or its length, which is
    known as a bound only where an answer was cut.
    """

    kind: Kind
    description: str
    values: Callable[[Answered], Values]
    about: Literal["label", "text", "length"] = "label"
    unit: Unit = "number"


def spans(metric: RowMetric, answered: Answered) -> list[Span] | None:
    """What is known of each row's value: a length is at least what was kept of a cut answer."""
    values = metric.values(answered)
    generated = answered.predictions.generated
    if values is None:
        return None
    if metric.about != "length" or generated is None:
        return list(map(exactly, values))
    return [
        exactly(value) if stopped else at_least(value)
        for value, stopped in zip(values, generated.stopped, strict=True)
    ]


def not_comparable(name: str, metric: RowMetric, sides: Sequence[Answered]) -> str | None:
    """Why models cannot be compared in a metric, or None where they can."""
    if any(metric.values(side) is None for side in sides):
        known = all(side.predictions.generated is not None for side in sides)
        if name == "answer_tokens" and known:
            return (
                "an older version of tunelab counted the tokens of these answers by another rule; "
                "run the study again"
            )
        return f"{name} needs answers that were not asked for"
    if len({side.truth for side in sides}) > 1:
        return "the two did not answer the same rows"
    if metric.about != "label":
        silent = next((side.name for side in sides if not side.writes), None)
        if silent is not None:
            return f"{silent or 'a baseline'} gives labels and writes no text"
    if name == "stopped" and len({side.ends for side in sides} - {None}) > 1:
        told = " and ".join(dict.fromkeys(f"{side.name} {side.ends}" for side in sides))
        return f"answers end by different rules: {told}"
    if name == "answer_tokens" and len({side.tokenizer for side in sides} - {None}) > 1:
        return (
            "the two count tokens of different tokenizers, which are different units; compare "
            "answer_words or answer_characters"
        )
    return None


def cut_answers(sides: Sequence[Answered], limit: int | None = None) -> str:
    """How many answers of each side were cut, as the reason why their lengths are not known."""
    told = []
    for side in sides:
        generated = side.predictions.generated
        cut = 0 if generated is None else sum(not stopped for stopped in generated.stopped)
        if generated is not None and cut:
            told.append(f"{cut} of {len(generated.stopped)} answers of {side.name or 'one side'}")
    at = "the limit of tokens" if limit is None else f"the limit of {limit} tokens"
    return f"{' and '.join(told)} were cut at {at}, so that their length is not known"


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
    # The label that a baseline gives is the one that it finds likeliest.
    chosen = answered.scored if answered.writes else answered.predicted
    if chosen is None:
        return None
    return [float(true == guess) for true, guess in zip(answered.truth, chosen, strict=True)]


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
    if generated is None or generated.tokens is None:
        return None
    return list(map(float, generated.tokens))


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
    "parsed": RowMetric("share", "share of answers that give one label", _parsed, "text"),
    "stopped": RowMetric(
        "share", "share of answers that end by themselves within the limit", _stopped, "text"
    ),
    "answer_tokens": RowMetric(
        "mean", "tokens of the text of an answer", _tokens, "length", "mean_count"
    ),
    "answer_characters": RowMetric(
        "mean", "characters of an answer", _characters, "length", "mean_count"
    ),
    "answer_words": RowMetric("mean", "words of an answer", _words, "length", "mean_count"),
    "f1_macro": RowMetric("f1", "macro-F1", _right),
    "f1_micro": RowMetric("f1", "micro-F1", _right),
    "f1_weighted": RowMetric("f1", "weighted F1", _right),
}
