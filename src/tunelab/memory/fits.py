"""What fits on a device: the largest batch, the nearest step that fits, and tables of models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunelab.errors import UsageError
from tunelab.memory import formulas
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import Estimate, by_part, estimate
from tunelab.memory.settings import StepSettings
from tunelab.methods.contract import Method, find_method
from tunelab.models.description import ModelShape

# The part of a device that a step may fill: the formula may be short by a little, and allocators
# cannot use every gap.
USABLE = 0.9
COMPARED = ("llama-3.2-1b", "llama-3.2-3b", "mistral-7b-v0.1", "phi-4-mini-instruct")
_MOST = 2**20


def largest_batch(
    shape: ModelShape,
    method: Method[Any],
    method_settings: Any,
    settings: StepSettings,
    memory: int,
) -> int:
    """The most rows of a batch whose step fits into ``memory`` bytes; 0 if not one does."""

    def fits(rows: int) -> bool:
        step = replace(settings, batch=rows)
        return estimate(shape, method, method_settings, step).peak <= memory * USABLE

    if not fits(1):
        return 0
    low, high = 1, 2
    while high <= _MOST and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def check_fits(
    shape: ModelShape,
    method: Method[Any],
    method_settings: Any,
    settings: StepSettings,
    memory: int,
) -> None:
    """Refuse a step that the estimate finds too large for a device of ``memory`` bytes.

    Raises:
        UsageError: as said, with the nearest step that fits.
    """
    found = estimate(shape, method, method_settings, settings)
    if found.peak <= memory * USABLE:
        return
    near = nearest(shape, method, method_settings, settings, memory)
    raise UsageError(
        f"this step needs about {gigabytes(found.peak)} and the device has {gigabytes(memory)}, of "
        f"which {USABLE:.0%} can be filled; "
        + (f"use {near}." if near else "nothing near it fits.")
    )


def nearest(
    shape: ModelShape,
    method: Method[Any],
    method_settings: Any,
    settings: StepSettings,
    memory: int,
) -> str | None:
    """The options of the nearest step that fits: the fewest changes, and of these the first.

    Fewer rows come first, then checkpointing, 16-bit weights, 4-bit weights, and LoRA in place
    of full fine-tuning.
    """
    for words, other, step in _alternatives(method, method_settings, settings):
        rows = largest_batch(shape, *other, step, memory)
        if rows:
            fewer = f"--batch {rows}" if rows < settings.batch else ""
            return " ".join(word for word in (*words, fewer) if word)
    return None


def compare(
    names: Sequence[str], settings: StepSettings, memory: int | None = None
) -> list[dict[str, Any]]:
    """Full fine-tuning beside LoRA: a row for each model and method, in bytes.

    With ``memory``: whether it fits, and the largest batch that does.
    """
    rows = []
    for name in names:
        shape = shape_by_name(name)
        for method in map(find_method, ("full", "lora")):
            method_settings = method.Settings()
            found = estimate(shape, method, method_settings, settings)
            row = {"model": name, "method": method.name, "peak": found.peak}
            if memory is not None:
                row["fits"] = found.peak <= memory * USABLE
                row["largest_batch"] = largest_batch(
                    shape, method, method_settings, settings, memory
                )
            rows.append({**row, **summary(found)})
    return rows


def what_fits(names: Sequence[str], settings: StepSettings, memory: int) -> list[dict[str, Any]]:
    """For each model, the ways to train it, from the most memory to the least, and which fit."""
    rows = []
    for name in names:
        shape = shape_by_name(name)
        for title, name_of_method, step in _ways(settings):
            method = find_method(name_of_method)
            method_settings = method.Settings()
            found = estimate(shape, method, method_settings, step)
            rows.append(
                {
                    "model": name,
                    "way": title,
                    "peak": found.peak,
                    "fits": found.peak <= memory * USABLE,
                    "largest_batch": largest_batch(shape, method, method_settings, step, memory),
                }
            )
    return rows


def left_out(names: Sequence[str]) -> list[str]:
    """What the estimates of these models leave out, a sentence for each that leaves out any."""
    sentences = {name: formulas.left_out(shape_by_name(name)) for name in names}
    return [f"{name}: {sentence}" for name, sentence in sentences.items() if sentence]


def summary(found: Estimate) -> dict[str, Any]:
    """An estimate as one row: parameters, bytes of each part, and the peak."""
    return {
        "trainable": found.count.trainable,
        "total": found.count.total,
        "share": found.count.share,
        **by_part(found),
        "peak": found.peak,
    }


def gigabytes(size: float) -> str:
    """Bytes as people read them; 1 GB is 10⁹ bytes."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _ways(settings: StepSettings) -> Iterator[tuple[str, str, StepSettings]]:
    plain = replace(settings, precision="float32", weights=None, checkpointing=False)
    half = replace(plain, precision="bfloat16")
    yield "full, float32", "full", plain
    yield "full, bfloat16, checkpointing", "full", replace(half, checkpointing=True)
    yield "lora, float32", "lora", plain
    yield "lora, bfloat16", "lora", half
    yield "lora, bfloat16, checkpointing", "lora", replace(half, checkpointing=True)
    yield (
        "lora, 4-bit weights, checkpointing",
        "lora",
        replace(half, weights="4-bit", checkpointing=True),
    )


_Adapting = tuple[Method[Any], Any]


def _alternatives(
    method: Method[Any], method_settings: Any, settings: StepSettings
) -> Iterator[tuple[tuple[str, ...], _Adapting, StepSettings]]:
    changes: list[tuple[str, Mapping[str, Any]]] = [("", {})]
    if not settings.checkpointing:
        changes.append(("--checkpointing", {"checkpointing": True}))
    if settings.precision == "float32":
        changes += [
            (f"--precision bfloat16 {words}".strip(), {"precision": "bfloat16", **values})
            for words, values in list(changes)
        ]
    own: _Adapting = (method, method_settings)
    for words, values in changes:
        yield (words,), own, replace(settings, **values)
    smallest = {**changes[-1][1], "weights": "4-bit"}
    if not method.trains_all_weights:
        yield (changes[-1][0], "--weights 4-bit"), own, replace(settings, **smallest)
        return
    lora = find_method("lora")
    other: _Adapting = (lora, lora.Settings())
    for words, values in changes:
        yield ("--method lora", words), other, replace(settings, **values)
    words = changes[-1][0]
    yield ("--method lora", words, "--weights 4-bit"), other, replace(settings, **smallest)
