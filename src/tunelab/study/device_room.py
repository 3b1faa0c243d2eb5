"""Whether the device has room to train a study's methods, before anything is fetched or loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from tunelab.config import Study
from tunelab.data.examples import Example
from tunelab.errors import TunelabError, UsageError
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.fits import gigabytes, largest_batch
from tunelab.memory.formulas import estimate
from tunelab.memory.settings import StepSettings
from tunelab.memory.training_step import ANSWER, answering_with, step_of
from tunelab.methods.contract import Method, find_method
from tunelab.models.description import ModelShape
from tunelab.models.device import device_facts, pick_device, pick_dtype
from tunelab.study.resolution import method_of, method_settings, model_card
from tunelab.training.processes import process_count, shards_weights

# Characters of a token, taken high: the rows are not yet tokenized, and a device must not be
# called too small for rows that are shorter than they seem.
_CHARACTERS = 6

_Chosen = tuple[Method[Any], Any]


def check_device_memory(study: Study, rows: Sequence[Example]) -> None:
    """Refuse a method whose step is surely too large for the device, by the estimate.

    ``rows``: the training rows. A model whose configuration is not known here is left out.

    Raises:
        UsageError: as said, with the nearest setting that has room.
    """
    device = pick_device(study.device)
    facts = device_facts()
    memory = int(facts["device_memory"] if device == "cuda" else facts["memory"])
    smallest = _smallest_step(study, rows, device)
    for position, shape, own in _methods(study):
        step = answering_with(smallest, study.methods[position].answers)
        needed = _peak(shape, own, step)
        if needed is not None and needed > memory:
            near = _nearest(shape, own, step, memory, study)
            entry = study.methods[position]
            raise UsageError(
                f"methods.{position} ({entry.name} of {entry.model}): a step needs "
                f"{gigabytes(needed)} or more and the device has {gigabytes(memory)}; "
                + (f"use {near}." if near else "use a smaller model: nothing near it has room.")
            )


def most_memory(study: Study) -> int | None:
    """Bytes that a training step of the study's methods takes at most, by the estimate.

    Of rows of the greatest length, with nothing shared. None where no model's configuration is
    known here.
    """
    device = pick_device(study.device)
    step = _step(study, device, length=study.prompt.max_length)
    peaks = [
        _peak(shape, own, answering_with(step, study.methods[position].answers))
        for position, shape, own in _methods(study)
    ]
    return max((peak for peak in peaks if peak is not None), default=None)


def _methods(study: Study) -> Iterator[tuple[int, ModelShape, _Chosen]]:
    """The methods by their index, each with its model; without those not known here."""
    for position, entry in enumerate(study.methods):
        try:
            shape = shape_by_name(model_card(study, entry.model).name, fetch=False)
        except TunelabError:
            continue
        yield position, shape, (method_of(entry), method_settings(entry, position))


def _peak(shape: ModelShape, own: _Chosen, step: StepSettings) -> int | None:
    """Bytes, or None where the method cannot have its settings, which another check reports."""
    try:
        return estimate(shape, *own, step).peak
    except TunelabError:
        return None


def _smallest_step(study: Study, rows: Sequence[Example], device: str) -> StepSettings:
    """A training step on rows as short as these may be."""
    training = study.training
    text = fmean(len(row.text) for row in rows) if rows else 0.0
    prefix = len(study.prompt.system) // _CHARACTERS
    length = min(int(text / _CHARACTERS) + prefix + ANSWER + 2, study.prompt.max_length)
    shared = training.packing and training.shared_prefix
    return _step(
        study, device, length=length, prefix=min(prefix, length - ANSWER - 1) if shared else 0
    )


def _step(study: Study, device: str, *, length: int, prefix: int = 0) -> StepSettings:
    # On CUDA each process has a device of its own; those on a CPU share its memory.
    sharded = device == "cuda" and shards_weights()
    return step_of(
        study.training,
        length=length,
        prefix=prefix,
        precision=pick_dtype(study.training.precision, device),
        device=device,
        sharded_over=process_count() if sharded else 1,
    )


def _nearest(
    shape: ModelShape, own: _Chosen, step: StepSettings, memory: int, study: Study
) -> str | None:
    """The settings of the nearest step that has room: the fewest changes of the study."""
    for words, method, other in _alternatives(own, step):
        rows = largest_batch(shape, *method, other, memory)
        if not rows:
            continue
        if rows < step.batch:
            whole = step.batch * study.training.gradient_accumulation
            words = [
                *words,
                f"training.batch_size={rows}",
                f"training.gradient_accumulation={-(-whole // rows)}",
            ]
        return " ".join(words)
    return None


def _alternatives(
    own: _Chosen, step: StepSettings
) -> Iterator[tuple[list[str], _Chosen, StepSettings]]:
    half = replace(step, precision="bfloat16")
    yield [], own, step
    if step.precision == "float32":
        yield ["training.precision=bfloat16"], own, half
    if own[0].trains_all_weights:
        method = find_method("lora")
        lora: _Chosen = (method, method.Settings())
        yield ["the method lora"], lora, step
        yield ["the method lora", "training.precision=bfloat16"], lora, half
