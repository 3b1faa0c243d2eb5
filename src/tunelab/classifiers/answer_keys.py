"""What a language model's settings decide: its answers, for keys of stages, and its steps."""

from typing import Any

from tunelab.classifiers.answered import COUNTED
from tunelab.classifiers.contract import Context
from tunelab.config import Evaluation, Prompt, Training
from tunelab.memory.settings import StepSettings
from tunelab.memory.training_step import step_of


def answering(evaluation: Evaluation, context: Context) -> dict[str, Any]:
    """The settings that decide what a language model answers, as JSON values."""
    keys = {"max_new_tokens", "batch_size"} if "generate" in evaluation.modes else set()
    values = evaluation.model_dump(include=keys)
    return {
        "evaluation": {**values, "modes": sorted(evaluation.modes), "counted": COUNTED},
        "device": context.device,
        "dtype": context.dtype,
    }


def step_for(training: Training, prompt: Prompt, context: Context) -> StepSettings:
    """The training step that memory is estimated for: rows of the longest length."""
    return step_of(
        training, length=prompt.max_length, precision=context.dtype, device=context.device
    )
