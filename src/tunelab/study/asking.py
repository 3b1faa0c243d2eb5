"""Ask a loaded model for the labels of rows, and keep what it answered."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.config import Evaluation, Prompt
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.evaluation.answers import REASONS, ParsedAnswer, parse_answer
from tunelab.evaluation.metrics import score
from tunelab.generation.answering import Answer, answer_prompts
from tunelab.prompts.conversation import PromptFormat, make_format
from tunelab.prompts.encoding import Encoder
from tunelab.results import write_table


@dataclass(frozen=True)
class Asked:
    """Answers to texts, in their order, the labels parsed from them, and how many were cut."""

    answers: Sequence[Answer]
    parsed: Sequence[ParsedAnswer]
    cut: int


def encoder_for(tokenizer: Any, model: Any, prompt: Prompt, labels: Sequence[str]) -> Encoder:
    """The encoder that trains and asks a model with a study's prompt.

    Raises:
        UsageError: ``max_length`` is longer than the model's context.
    """
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if context is not None and prompt.max_length > context:
        raise UsageError(
            f"prompt.max_length={prompt.max_length} is longer than the model's context of "
            f"{context} tokens; lower it."
        )
    format = make_format(
        tokenizer,
        system=prompt.system,
        labels=labels,
        style=prompt.style,
        max_length=prompt.max_length,
    )
    return Encoder(tokenizer, format)


def stop_tokens(encoder: Encoder, model: Any) -> list[int]:
    """Where an answer ends: the trained stop token, and those of the model itself."""
    own = getattr(model.generation_config, "eos_token_id", None)
    listed = own if isinstance(own, list) else [own]
    everything = [*encoder.stop_tokens, encoder.tokenizer.eos_token_id, *listed]
    return list(dict.fromkeys(token for token in everything if token is not None))


def ask(
    model: Any,
    encoder: Encoder,
    texts: Sequence[str],
    evaluation: Evaluation,
    *,
    title: str,
    progress: bool = True,
) -> Asked:
    """Ask for the label of each text."""
    format: PromptFormat = encoder.format
    prompts = [encoder.prompt(text) for text in texts]
    answers = answer_prompts(
        model,
        encoder.tokenizer,
        [prompt.ids for prompt in prompts],
        stop_tokens=stop_tokens(encoder, model),
        max_new_tokens=evaluation.max_new_tokens,
        batch_size=evaluation.batch_size,
        # A plain prompt is made of lines, and a base model goes on with further ones.
        stop_at_newline=format.style == "plain",
        title=title,
        progress=progress,
    )
    return Asked(
        answers=answers,
        parsed=[parse_answer(answer.text, format.labels) for answer in answers],
        cut=sum(prompt.cut > 0 for prompt in prompts),
    )


def evaluate_model(
    model: Any,
    encoder: Encoder,
    rows: Sequence[Example],
    evaluation: Evaluation,
    *,
    title: str,
    folder: Path,
) -> dict[str, Any]:
    """Ask for all rows, write ``predictions.parquet``, and return the record's values."""
    started = time.perf_counter()
    asked = ask(model, encoder, [row.text for row in rows], evaluation, title=title)
    seconds = time.perf_counter() - started
    return _keep(
        rows,
        asked,
        encoder.format.labels,
        seconds=seconds,
        prompt=encoder.format.to_dict(),
        folder=folder,
    )


def evaluate_predictions(
    rows: Sequence[Example],
    predictions: Sequence[str],
    labels: Sequence[str],
    *,
    seconds: float,
    folder: Path,
) -> dict[str, Any]:
    """As :func:`evaluate_model`, for a baseline, which answers with labels."""
    asked = Asked(
        answers=[Answer(text=label, ids=(), stopped=True) for label in predictions],
        parsed=[ParsedAnswer(label, None) for label in predictions],
        cut=0,
    )
    return _keep(rows, asked, labels, seconds=seconds, prompt=None, folder=folder)


def _keep(
    rows: Sequence[Example],
    asked: Asked,
    labels: Sequence[str],
    *,
    seconds: float,
    prompt: dict[str, Any] | None,
    folder: Path,
) -> dict[str, Any]:
    """Write ``predictions.parquet`` and return the record's values."""
    write_table(
        folder / "predictions.parquet",
        [
            {
                "row": number,
                "text": row.text,
                "truth": row.label,
                "predicted": parsed.label,
                "answer": answer.text,
                "reason": parsed.reason,
                "stopped": answer.stopped,
                "answer_tokens": len(answer.ids),
            }
            for number, (row, answer, parsed) in enumerate(
                zip(rows, asked.answers, asked.parsed, strict=True)
            )
        ],
    )
    reasons = [parsed.reason for parsed in asked.parsed]
    return {
        **summary(rows, [parsed.label for parsed in asked.parsed], labels),
        "unparsed_reasons": {reason: reasons.count(reason) for reason in REASONS},
        "seconds": seconds,
        "rows_per_second": len(rows) / max(seconds, 1e-9),
        "texts_cut": asked.cut,
        "prompt": prompt,
    }


def summary(
    rows: Sequence[Example], predictions: Sequence[str | None], labels: Sequence[str]
) -> dict[str, Any]:
    """The scores of a record."""
    return {"scores": score([row.label for row in rows], predictions, labels).to_dict()}
