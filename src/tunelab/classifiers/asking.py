"""Ask a loaded model for the labels of rows, in words and by likelihood."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tunelab.classifiers.answer_room import answer_limit
from tunelab.classifiers.contract import LabelScores
from tunelab.config import Evaluation, Prompt
from tunelab.errors import UsageError
from tunelab.evaluation.parsing.answers import ParsedAnswer, parse_answer
from tunelab.generation.context import context_length, ending_tokens
from tunelab.inference.answering import Answer, answer_prompts
from tunelab.prompts.conversation import format_of
from tunelab.prompts.encoding import EncodedPrompt, Encoder


@dataclass(frozen=True)
class Asked:
    """Answers to texts, in their order, the labels parsed from them, and how many were cut."""

    answers: Sequence[Answer]
    parsed: Sequence[ParsedAnswer]
    cut: int


def encoder_for(
    tokenizer: Any,
    model: Any,
    prompt: Prompt,
    labels: Sequence[str],
    shots: Sequence[tuple[str, str]] = (),
) -> Encoder:
    """The encoder that trains and asks a model with a study's prompt.

    Raises:
        UsageError: ``max_length``, with the ``shots``, is longer than the model's context.
    """
    format = format_of(tokenizer, prompt, labels, shots)
    context = context_length(model)
    if context is not None and prompt.max_length > context:
        raise UsageError(
            f"prompt.max_length={prompt.max_length} is longer than the model's context of "
            f"{context} tokens; lower it."
        )
    encoder = Encoder(tokenizer, format)
    check_room(encoder, context)
    return encoder


def check_room(encoder: Encoder, context: int | None) -> None:
    """Refuse more examples than a context of so many tokens holds beside the longest text.

    Raises:
        UsageError: as said.
    """
    if context is not None and encoder.max_length > context:
        own = encoder.format.max_length
        raise UsageError(
            f"{len(encoder.format.shots)} examples take {encoder.max_length - own} tokens of the "
            f"model's context of {context}; lower their number (evaluation.shots, or shots of the "
            "classifier) or prompt.max_length."
        )


def stop_tokens(encoder: Encoder, model: Any) -> list[int]:
    """Where an answer ends: the trained stop token, and those of the model itself."""
    return ending_tokens(encoder.stop_tokens, model, encoder.tokenizer)


def answer(
    model: Any,
    encoder: Encoder,
    prompts: Sequence[EncodedPrompt],
    evaluation: Evaluation,
    *,
    title: str,
    progress: bool = True,
) -> list[Answer]:
    """Ask for the label of each prompt's text, in words."""
    with faster(model):
        return answer_prompts(
            model,
            encoder.tokenizer,
            [prompt.ids for prompt in prompts],
            stop_tokens=stop_tokens(encoder, model),
            max_new_tokens=_limit(model, encoder, prompts, evaluation),
            batch_size=evaluation.batch_size,
            # A plain prompt is made of lines, and a base model continues with further ones.
            stop_at_newline=encoder.format.style == "plain",
            title=title,
            progress=progress,
        )


def _limit(
    model: Any, encoder: Encoder, prompts: Sequence[EncodedPrompt], evaluation: Evaluation
) -> int:
    """The tokens of an answer at most, as far as the model's context goes."""
    limit, context = answer_limit(encoder, evaluation), context_length(model)
    if context is None or not prompts:
        return limit
    return min(limit, max(encoder.answer_room, context - max(len(one.ids) for one in prompts)))


def ask(
    model: Any,
    encoder: Encoder,
    texts: Sequence[str],
    evaluation: Evaluation,
    *,
    title: str,
    progress: bool = True,
) -> Asked:
    """Ask for the label of each text, in words, and parse it."""
    prompts = [encoder.prompt(text) for text in texts]
    return ask_prompts(model, encoder, prompts, evaluation, title=title, progress=progress)


def ask_prompts(
    model: Any,
    encoder: Encoder,
    prompts: Sequence[EncodedPrompt],
    evaluation: Evaluation,
    *,
    title: str,
    progress: bool = True,
) -> Asked:
    """As :func:`ask`, with prompts that are encoded."""
    answers = answer(model, encoder, prompts, evaluation, title=title, progress=progress)
    return Asked(
        answers=answers,
        parsed=[
            parse_answer(entry.text, encoder.format.labels, stopped=entry.stopped)
            for entry in answers
        ],
        cut=count_cut(prompts),
    )


def count_cut(prompts: Sequence[EncodedPrompt]) -> int:
    """How many texts were cut to fit."""
    return sum(prompt.cut > 0 for prompt in prompts)


def label_likelihoods(
    model: Any,
    encoder: Encoder,
    prompts: Sequence[EncodedPrompt],
    *,
    title: str,
    progress: bool = True,
    empty: EncodedPrompt | None = None,
) -> LabelScores:
    """Ask how likely each label is after each prompt, and after that of an empty text.

    ``empty`` is the prompt of an empty text where it is not the encoder's.
    A label's stop token counts only where one label begins with another, as "joy" and "joyful"
    may: without it, the shorter could never be the less likely one.
    """
    from tunelab.inference.scoring import score_labels
    from tunelab.models.lower_layers import kept_batches

    labels = label_tokens(encoder)
    ids = [prompt.ids for prompt in (empty or encoder.prompt(""), *prompts)]
    with faster(model):
        scored = score_labels(
            model, ids, labels, title=title, progress=progress, below=kept_batches(model)
        )
    return LabelScores(
        logprobs=tuple(map(tuple, scored.logprobs[1:])),
        empty=tuple(scored.logprobs[0]),
        tokens=tuple(map(len, labels)),
        forced=tuple(map(tuple, scored.forced[1:])),
    )


def label_tokens(encoder: Encoder) -> list[tuple[int, ...]]:
    """The token ids by which each label is scored."""
    bare = [encoder.answers[label][:-1] for label in encoder.format.labels]
    nested = any(one != other and other[: len(one)] == one for one in bare for other in bare)
    return [encoder.answers[label] for label in encoder.format.labels] if nested else bare


def faster(model: Any) -> AbstractContextManager[Any]:
    """Within this context: the fused layers of training, which help answering on a CPU as well."""
    if model.device.type != "cpu":
        return nullcontext()
    from tunelab.training.fused.layers import fused_layers

    return fused_layers(model)
