"""What fits on a device: the largest batch, the nearest step that fits, and tables of models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.memory.configurations import configuration
from tunelab.memory.dimensions import Dimensions, dimensions_of
from tunelab.memory.formulas import Estimate, by_part, estimate
from tunelab.memory.settings import StepSettings

# The part of a device that a step may fill: the formula may be short by a little, and allocators
# cannot use every gap.
USABLE = 0.9
COMPARED = ("llama-3.2-1b", "llama-3.2-3b", "mistral-7b-v0.1", "phi-4-mini-instruct")
_MOST = 2**20


def largest_batch(
    at: Dimensions, method: str, module: Any, chosen: Any, settings: StepSettings, memory: int
) -> int:
    """The most rows of a batch whose step fits into ``memory`` bytes; 0 if not one does."""

    def fits(rows: int) -> bool:
        step = replace(settings, batch=rows)
        return estimate(at, method, module, chosen, step).peak <= memory * USABLE

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
    at: Dimensions, method: str, module: Any, chosen: Any, settings: StepSettings, memory: int
) -> None:
    """Refuse a step that the estimate finds too large for a device of ``memory`` bytes.

    Raises:
        UsageError: as said, with the nearest step that fits.
    """
    found = estimate(at, method, module, chosen, settings)
    if found.peak <= memory * USABLE:
        return
    near = nearest(at, method, module, chosen, settings, memory)
    raise UsageError(
        f"this step needs about {gigabytes(found.peak)} and the device has {gigabytes(memory)}, of "
        f"which {USABLE:.0%} can be filled; "
        + (f"use {near}." if near else "nothing near it fits.")
    )


def nearest(
    at: Dimensions, method: str, module: Any, chosen: Any, settings: StepSettings, memory: int
) -> str | None:
    """The options of the nearest step that fits: the fewest changes, and of these the first.

    Fewer rows come first, then checkpointing, 16-bit weights, 4-bit weights, and LoRA in place
    of full fine-tuning.
    """
    for words, other, step in _alternatives(method, module, chosen, settings):
        rows = largest_batch(at, other[0], other[1], other[2], step, memory)
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
        at = dimensions_of(configuration(name))
        for method in ("full", "lora"):
            module = registry.resolve("method", method, registry.METHODS)
            chosen = module.Settings()
            found = estimate(at, method, module, chosen, settings)
            row = {"model": name, "method": method, "peak": found.peak}
            if memory is not None:
                row["fits"] = found.peak <= memory * USABLE
                row["largest_batch"] = largest_batch(at, method, module, chosen, settings, memory)
            rows.append({**row, **summary(found)})
    return rows


def what_fits(names: Sequence[str], settings: StepSettings, memory: int) -> list[dict[str, Any]]:
    """For each model, the ways to train it from the dearest to the cheapest, and which fit."""
    rows = []
    for name in names:
        at = dimensions_of(configuration(name))
        for title, method, step in _ways(settings):
            module = registry.resolve("method", method, registry.METHODS)
            chosen = module.Settings()
            found = estimate(at, method, module, chosen, step)
            rows.append(
                {
                    "model": name,
                    "way": title,
                    "peak": found.peak,
                    "fits": found.peak <= memory * USABLE,
                    "largest_batch": largest_batch(at, method, module, chosen, step, memory),
                }
            )
    return rows


def left_out(names: Sequence[str]) -> list[str]:
    """What the estimates of these models leave out, a sentence for each that leaves out any."""
    sentences = {name: dimensions_of(configuration(name)).left_out for name in names}
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


_Method = tuple[str, Any, Any]


def _alternatives(
    method: str, module: Any, chosen: Any, settings: StepSettings
) -> Iterator[tuple[tuple[str, ...], _Method, StepSettings]]:
    changes: list[tuple[str, Mapping[str, Any]]] = [("", {})]
    if not settings.checkpointing:
        changes.append(("--checkpointing", {"checkpointing": True}))
    if settings.precision == "float32":
        changes += [
            (f"--precision bfloat16 {words}".strip(), {"precision": "bfloat16", **values})
            for words, values in list(changes)
        ]
    own: _Method = (method, module, chosen)
    for words, values in changes:
        yield (words,), own, replace(settings, **values)
    smallest = {**changes[-1][1], "weights": "4-bit"}
    if method != "full":
        yield (changes[-1][0], "--weights 4-bit"), own, replace(settings, **smallest)
        return
    lora = registry.resolve("method", "lora", registry.METHODS)
    other: _Method = ("lora", lora, lora.Settings())
    for words, values in changes:
        yield ("--method lora", words), other, replace(settings, **values)
    words = changes[-1][0]
    yield ("--method lora", words, "--weights 4-bit"), other, replace(settings, **smallest)
