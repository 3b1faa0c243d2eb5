"""Whether the methods of a study can work with their models, before any weights are read."""

import logging
from pathlib import Path
from typing import Any

from tunelab.config import AnswersWith, Study
from tunelab.errors import TunelabError, UsageError
from tunelab.memory.settings import StepSettings
from tunelab.memory.step import build
from tunelab.memory.training_step import answering_with
from tunelab.methods.contract import Method
from tunelab.methods.counting import ParameterCount
from tunelab.models.description import ModelShape
from tunelab.models.loading import fetch
from tunelab.models.shape import read_configuration, read_shape
from tunelab.study.resolution import learning_rate, method_of, method_settings, model_card
from tunelab.training.schedule import check_schedule

_log = logging.getLogger(__name__)


def check_feasible(study: Study) -> dict[int, ParameterCount]:
    """What each method trains, by its index in the study.

    A model that cannot be fetched is left out: the cells that need it report why.

    Raises:
        UsageError: a method cannot have these settings with this model, and the message names the
            nearest that work; PEFT does not know how to put the method on the model; or
            transformers refuses the schedule for the method's learning rate.
    """
    counts = {}
    for position, entry in enumerate(study.methods):
        settings = method_settings(entry, position)
        try:
            check_schedule(study.training.scheduler, learning_rate(study, entry))
        except UsageError as error:
            raise UsageError(f"methods.{position} ({entry.name}): {error}") from None
        try:
            folder = fetch(model_card(study, entry.model))
            shape = read_shape(folder)
        except TunelabError:
            continue
        try:
            counts[position] = method_of(entry).count(shape, settings)
            _check_context(study, shape, method_of(entry).virtual_tokens(settings))
            _check_adapts(folder, method_of(entry), settings, entry.answers)
        except UsageError as error:
            raise UsageError(
                f"methods.{position} ({entry.name} of {entry.model}): {error}"
            ) from None
    return counts


def _check_adapts(folder: Path, method: Method[Any], settings: Any, answers: AnswersWith) -> None:
    """Put a method, and a head, on a model without numbers, as they will be put on the real one.

    Raises:
        UsageError: PEFT refuses it, or the model has no output layer that a head could replace.
    """
    step = answering_with(StepSettings(), answers)
    try:
        build(read_configuration(folder), method, settings, step, device="meta")
    except TunelabError:
        raise
    except Exception as error:
        # The cell that has numbers reports what cannot be seen without them.
        _log.debug("%s cannot be tried without numbers", folder, exc_info=error)


def _check_context(study: Study, shape: ModelShape, virtual: int) -> None:
    longest = study.prompt.max_length
    if virtual and shape.context is not None and longest + virtual > shape.context:
        raise UsageError(
            f"virtual_tokens={virtual} and prompt.max_length={longest} are more than the model's "
            f"context of {shape.context} tokens; use virtual_tokens={shape.context - longest} or "
            "shorter rows."
            if shape.context > longest
            else f"prompt.max_length={longest} leaves no room for virtual tokens in the model's "
            f"context of {shape.context} tokens; lower it to {shape.context - virtual}."
        )
