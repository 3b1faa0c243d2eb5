"""Whether the methods of a study can work with their models, before any weights are read."""

from tunelab.config import Study
from tunelab.errors import TunelabError, UsageError
from tunelab.methods.counting import ParameterCount
from tunelab.models.loading import fetch
from tunelab.models.shape import ModelShape, read_shape
from tunelab.study.resolution import method_module, method_settings, model_card


def check_feasible(study: Study) -> dict[int, ParameterCount]:
    """What each method trains, by its place in the study.

    A model that cannot be fetched is left out: the cells that need it tell why.

    Raises:
        UsageError: a method cannot have these settings with this model; the message names the
            nearest that work.
    """
    counts = {}
    for place, entry in enumerate(study.methods):
        try:
            shape = read_shape(fetch(model_card(study, entry.model)))
        except TunelabError:
            continue
        settings = method_settings(entry, place)
        try:
            counts[place] = method_module(entry).count(shape, settings)
            _check_context(study, shape, getattr(settings, "virtual_tokens", 0))
        except UsageError as error:
            raise UsageError(f"methods.{place} ({entry.name} of {entry.model}): {error}") from None
    return counts


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
