"""The training step of a study, as the estimates of memory take it."""

from dataclasses import replace

from tunelab.config import AnswersWith, Training
from tunelab.memory.settings import StepSettings

# Tokens of an answer that are trained, where no row has been encoded yet.
ANSWER = 3
# Labels of a head, where none has been counted yet: few tasks have more, and they take little.
LABELS = 100


def step_of(
    training: Training,
    *,
    length: int,
    precision: str,
    device: str,
    prefix: int = 0,
    answer: int = ANSWER,
    packed: bool | None = None,
    sharded_over: int = 1,
) -> StepSettings:
    """A step of rows of ``length`` tokens, of which ``prefix`` are shared and ``answer`` trained.

    ``packed``: whether rows were run as one sequence, the study's wish by default.
    ``sharded_over``: devices that share the weights.
    """
    batch = training.batch_size
    if training.batch_tokens is not None:
        batch = max(1, (training.batch_tokens - prefix) // max(1, length - prefix))
    return StepSettings(
        batch=batch,
        length=length,
        prefix=prefix,
        answer=answer,
        packed=training.packing if packed is None else packed,
        precision=precision,
        device="cuda" if device == "cuda" else "cpu",
        devices=sharded_over,
        sharding="fsdp" if sharded_over > 1 else "ddp",
    )


def answering_with(step: StepSettings, answers: AnswersWith) -> StepSettings:
    """The step of a method that answers in words, or through a head."""
    return replace(step, head=LABELS) if answers == "head" else step
