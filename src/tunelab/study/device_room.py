"""Whether the device has room to train a study's methods, before anything is fetched or loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from tunelab import registry
from tunelab.config import Study
from tunelab.data.examples import Example
from tunelab.errors import TunelabError, UsageError
from tunelab.memory.configurations import configuration
from tunelab.memory.dimensions import Dimensions, dimensions_of
from tunelab.memory.fits import gigabytes, largest_batch
from tunelab.memory.formulas import estimate
from tunelab.memory.settings import StepSettings
from tunelab.models.device import device_facts, pick_device, pick_dtype
from tunelab.study.resolution import method_module, method_settings, model_card
from tunelab.training.processes import divides_weights, process_count

# Characters of a token, taken high: the rows are not yet tokenized, and a device must not be
# called too small for rows that are shorter than they seem.
_CHARACTERS = 6
_ANSWER = 3

_Method = tuple[str, Any, Any]


def check_room(study: Study, rows: Sequence[Example]) -> None:
    """Refuse a method whose step is surely too large for the device, by the estimate.

    ``rows``: the training rows. A model whose configuration is not known here is left out.

    Raises:
        UsageError: as said, with the nearest setting that has room.
    """
    device = pick_device(study.device)
    facts = device_facts()
    memory = int(facts["device_memory"] if device == "cuda" else facts["memory"])
    step = _smallest_step(study, rows, device)
    for place, at, own in _methods(study):
        needed = _peak(at, own, step)
        if needed is not None and needed > memory:
            near = _nearest(at, own, step, memory, study)
            entry = study.methods[place]
            raise UsageError(
                f"methods.{place} ({entry.name} of {entry.model}): a step needs "
                f"{gigabytes(needed)} or more and the device has {gigabytes(memory)}; "
                + (f"use {near}." if near else "use a smaller model: nothing near it has room.")
            )


def most_memory(study: Study) -> int | None:
    """Bytes that a training step of the study's methods takes at most, by the estimate.

    Of rows of the greatest length, with nothing shared. None where no model's configuration is
    known here.
    """
    device = pick_device(study.device)
    longest = study.prompt.max_length
    step = replace(
        _smallest_step(study, [], device),
        length=longest,
        prefix=0,
        answer=min(_ANSWER, longest - 1),
    )
    if study.training.batch_tokens is not None:
        step = replace(step, batch=max(1, study.training.batch_tokens // longest))
    peaks = [_peak(at, own, step) for _, at, own in _methods(study)]
    return max((peak for peak in peaks if peak is not None), default=None)


def _methods(study: Study) -> Iterator[tuple[int, Dimensions, _Method]]:
    """The methods by their place, each with its model; without those not known here."""
    for place, entry in enumerate(study.methods):
        try:
            at = dimensions_of(configuration(model_card(study, entry.model).name, fetch=False))
        except TunelabError:
            continue
        yield place, at, (entry.name, method_module(entry), method_settings(entry, place))


def _peak(at: Dimensions, own: _Method, step: StepSettings) -> int | None:
    """Bytes, or None where the method cannot have its settings: that is told elsewhere."""
    try:
        return estimate(at, *own, step).peak
    except TunelabError:
        return None


def _smallest_step(study: Study, rows: Sequence[Example], device: str) -> StepSettings:
    """A training step on rows as short as these may be."""
    training = study.training
    text = fmean(len(row.text) for row in rows) if rows else 0.0
    prefix = len(study.prompt.system) // _CHARACTERS
    length = min(int(text / _CHARACTERS) + prefix + _ANSWER + 2, study.prompt.max_length)
    shared = training.packing and training.shared_prefix
    # On CUDA each process has a device of its own; those on a CPU share its memory.
    divided = device == "cuda" and divides_weights()
    batch = training.batch_size
    if training.batch_tokens is not None:
        batch = max(1, training.batch_tokens // length)
    return StepSettings(
        batch=batch,
        length=length,
        prefix=min(prefix, length - _ANSWER - 1) if shared else 0,
        answer=min(_ANSWER, length - 1),
        packed=training.packing,
        precision=pick_dtype(training.precision, device),
        device="cuda" if device == "cuda" else "cpu",
        devices=process_count() if divided else 1,
        sharding="fsdp" if divided else "ddp",
    )


def _nearest(
    at: Dimensions, own: _Method, step: StepSettings, memory: int, study: Study
) -> str | None:
    """The settings of the nearest step that has room: the fewest changes of the study."""
    for words, method, other in _alternatives(own, step):
        rows = largest_batch(at, *method, other, memory)
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
    own: _Method, step: StepSettings
) -> Iterator[tuple[list[str], _Method, StepSettings]]:
    half = replace(step, precision="bfloat16")
    yield [], own, step
    if step.precision == "float32":
        yield ["training.precision=bfloat16"], own, half
    if own[0] == "full":
        module = registry.resolve("method", "lora", registry.METHODS)
        lora: _Method = ("lora", module, module.Settings())
        yield ["the method lora"], lora, step
        yield ["the method lora", "training.precision=bfloat16"], lora, half
