"""Parameters and memory of a method on a model, from the model's configuration alone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

from tunelab.errors import UsageError


@dataclass(frozen=True)
class MemoryEstimate:
    """Parameters that are trained and all of them, and bytes of a training step on one device.

    ``bytes`` gives each part by name; ``peak`` is the most that is held at once.
    ``largest_batch``: rows whose step fits into ``memory`` bytes, 0 if not one does. ``terms``: a
    row for each term of the formula, with its formula, its numbers and its bytes.
    """

    model: str
    method: str
    trainable: int
    total: int
    share: float
    bytes: dict[str, int]
    peak: int
    memory: int
    largest_batch: int
    terms: "pd.DataFrame" = field(repr=False, compare=False)


def estimate(
    model: str | Path,
    method: str = "lora",
    *,
    batch: int = 16,
    length: int = 128,
    prefix: int = 0,
    answer: int | None = 3,
    packed: bool = True,
    precision: str = "float32",
    weights: str | None = None,
    optimizer: str = "adamw",
    checkpointing: bool = False,
    devices: int = 1,
    sharding: str = "ddp",
    device: str = "auto",
    memory: float | None = None,
    **settings: Any,
) -> MemoryEstimate:
    """Estimate tunelab's own training step of ``batch`` rows of ``length`` tokens a device.

    ``settings`` are the method's own, as in a study: ``r=16``. ``prefix`` tokens of each row are
    those of all rows and run once; ``answer`` counts the trained tokens of a row, None for all.
    ``packed``: rows as one sequence, without padding. ``weights``: 8-bit or 4-bit for quantized
    ones. ``memory``: of a device in GB (10⁹ bytes), this machine's by default.

    Raises:
        UsageError: a name or a setting is wrong, or such a step cannot be.
        RunError: the configuration of the model cannot be read.
    """
    import pandas as pd

    from tunelab.guards.validation import validated
    from tunelab.memory.configurations import shape_by_name
    from tunelab.memory.fits import largest_batch, summary
    from tunelab.memory.formulas import estimate as by_formula
    from tunelab.memory.formulas import step_as_run
    from tunelab.memory.settings import (
        BYTES,
        OPTIMIZERS,
        SHARDINGS,
        WEIGHTS,
        StepSettings,
        check,
    )
    from tunelab.methods.contract import find_method

    for kind, word, known in (
        ("device", device, ("auto", "cpu", "cuda")),
        ("precision", precision, tuple(BYTES)),
        ("optimizer", optimizer, OPTIMIZERS),
        ("sharding", sharding, SHARDINGS),
        ("form of weights", weights, (None, *WEIGHTS)),
    ):
        if word not in known:
            shown = ", ".join(str(one) for one in known)
            raise UsageError(f"unknown {kind} {word!r}: known are: {shown}.")
    way = find_method(method)
    chosen = validated(way.Settings, settings)
    step = StepSettings(
        batch=batch,
        length=length,
        prefix=prefix,
        answer=answer,
        packed=packed,
        precision=precision,
        weights=weights,
        optimizer=optimizer,
        checkpointing=checkpointing,
        devices=devices,
        sharding=sharding,
        device=_device() if device == "auto" else device,
    )
    check(step, way)
    room = _memory(step.device) if memory is None else _bytes(memory)
    shape = shape_by_name(str(model))
    given = (shape, way, chosen, step_as_run(shape, step))
    found = by_formula(*given)
    numbers = summary(found)
    counts = {key: numbers.pop(key) for key in ("trainable", "total", "share", "peak")}
    return MemoryEstimate(
        model=str(model),
        method=method,
        **counts,
        bytes=numbers,
        memory=room,
        largest_batch=largest_batch(*given, room),
        terms=pd.DataFrame(
            {
                "part": [term.part for term in found.terms],
                "term": [term.name for term in found.terms],
                "formula": [term.formula for term in found.terms],
                "numbers": [term.numbers for term in found.terms],
                "bytes": [term.bytes for term in found.terms],
            }
        ),
    )


def _device() -> str:
    from tunelab.models.device import pick_device

    return "cuda" if pick_device() == "cuda" else "cpu"


def _memory(device: str) -> int:
    """Bytes of this machine's device, or of its main memory where it has no such device."""
    from tunelab.models.device import device_facts

    facts = device_facts()
    return int(facts.get("device_memory", facts["memory"]) if device == "cuda" else facts["memory"])


def _bytes(gigabytes: float) -> int:
    if isinstance(gigabytes, bool) or not gigabytes > 0:
        raise UsageError(f"memory is {gigabytes!r}; it must be above 0, in GB.")
    return int(gigabytes * 1e9)
