"""How long answers in words are; of an answer that was cut only a least length is known."""

from collections.abc import Callable, Sequence
from typing import Any

from tunelab.evaluation.metrics.constructors import mean_metric
from tunelab.evaluation.metrics.contract import Answered, Metric


def cut_answers(sides: Sequence[Answered]) -> str:
    """How many answers of each side were cut, as the reason why their lengths are not known."""
    parts = []
    for side in sides:
        cut = sum(_cut(side))
        if cut:
            of = f" of {side.name or 'one side'}" if side.name or len(sides) > 1 else ""
            parts.append(f"{cut} of {len(_cut(side))} answers{of}")
    return (
        f"{' and '.join(parts)} were cut at the limit of tokens, so that their length is not known"
    )


def _cut(answered: Answered) -> Sequence[bool]:
    generated = answered.predictions.generated
    return [] if generated is None else [not stopped for stopped in generated.stopped]


def _tokens(answered: Answered) -> Sequence[float] | None:
    generated = answered.predictions.generated
    if generated is None or generated.tokens is None:
        return None
    return list(map(float, generated.tokens))


def _characters(answered: Answered) -> Sequence[float] | None:
    generated = answered.predictions.generated
    return None if generated is None else [float(len(answer)) for answer in generated.answers]


def _words(answered: Answered) -> Sequence[float] | None:
    generated = answered.predictions.generated
    if generated is None:
        return None
    return [float(len(answer.split())) for answer in generated.answers]


def _other_tokens(sides: Sequence[Answered]) -> str | None:
    counted = [_tokens(side) is not None for side in sides]
    if not all(counted) and all(side.predictions.generated is not None for side in sides):
        return (
            "an older version of tunelab counted the tokens of these answers by another rule; "
            "run the study again"
        )
    if all(counted) and len({side.tokenizer for side in sides} - {None}) > 1:
        return (
            "the two count tokens of different tokenizers, which are different units; compare "
            "answer_words or answer_characters"
        )
    return None


def _length(
    id: str,
    title: str,
    description: str,
    values: Callable[[Answered], Sequence[float] | None],
    **more: Any,
) -> Metric:
    return mean_metric(
        id,
        title,
        description,
        values,
        cut=_cut,
        censored=cut_answers,
        reads="text",
        unit="mean_count",
        best="low",
        limits=(0.0, float("inf")),
        **more,
    )


TOKENS = _length(
    "answer_tokens",
    "tokens of an answer",
    "tokens of the text of an answer",
    _tokens,
    missing="the tokens of these answers were not counted",
    doubt=_other_tokens,
)
CHARACTERS = _length(
    "answer_characters", "characters of an answer", "characters of an answer", _characters
)
WORDS = _length("answer_words", "words of an answer", "words of an answer", _words)
