"""Parameters and memory of a method on a model, from the model's configuration alone."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.memory.settings import StepSettings
    from tunelab.memory.terms import Term


@dataclass(frozen=True)
class MemoryEstimate:
    """Parameters that are trained and all of them, and bytes of a training step on one device.

    ``bytes`` gives each part by name; ``peak`` is the most that is held at once, and ``moments``
    what is held at each of the two moments that it is the larger of. ``largest_batch``: rows
    whose step fits into ``memory`` bytes, 0 if not one does. ``step`` and ``settings`` are what
    was estimated, ``left_out`` says what the formulas do not count, or None.
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
    moments: dict[str, int] = field(repr=False)
    step: "StepSettings" = field(repr=False)
    settings: Any = field(repr=False)
    left_out: str | None = field(repr=False)
    formulas: "tuple[Term, ...]" = field(repr=False)

    @cached_property
    def terms(self) -> "pd.DataFrame":
        """A row for each term of the formula: part, term, formula, numbers, bytes."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The terms as plain values."""
        return [
            {
                "part": term.part,
                "term": term.name,
                "formula": term.formula,
                "numbers": term.numbers,
                "bytes": term.bytes,
            }
            for term in self.formulas
        ]


def estimate(
    model: str | Path,
    method: str = "lora",
    *,
    batch: int = 16,
    length: int = 128,
    prefix: int = 0,
    answer: int | None = 3,
    head: int | None = None,
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
    ``head``: the labels of a head on the last token, in place of an answer in words.
    ``packed``: rows as one sequence, without padding. ``weights``: 8-bit or 4-bit for quantized
    ones. ``memory``: of a device in GB (10⁹ bytes), this machine's by default.

    Raises:
        UsageError: a name or a setting is wrong, or such a step cannot be.
        RunError: the configuration of the model cannot be read.
    """
    from tunelab.guards.validation import validated
    from tunelab.memory.configurations import shape_by_name
    from tunelab.memory.fits import largest_batch, summary
    from tunelab.memory.formulas import estimate as by_formula
    from tunelab.memory.formulas import left_out, step_as_run
    from tunelab.methods.contract import find_method

    step = make_step(
        method,
        batch=batch,
        length=length,
        prefix=prefix,
        answer=answer,
        head=head,
        packed=packed,
        precision=precision,
        weights=weights,
        optimizer=optimizer,
        checkpointing=checkpointing,
        devices=devices,
        sharding=sharding,
        device=device,
    )
    room = device_memory(step.device, memory)
    adapting = find_method(method)
    chosen = validated(adapting.Settings, settings)
    shape = shape_by_name(str(model))
    step = step_as_run(shape, step)
    found = by_formula(shape, adapting, chosen, step)
    numbers = summary(found)
    counts = {key: numbers.pop(key) for key in ("trainable", "total", "share", "peak")}
    return MemoryEstimate(
        model=str(model),
        method=method,
        **counts,
        bytes=numbers,
        memory=room,
        largest_batch=largest_batch(shape, adapting, chosen, step, room),
        moments=found.moments,
        step=step,
        settings=chosen,
        left_out=left_out(shape),
        formulas=found.terms,
    )


def make_step(method: str, *, device: str = "auto", **settings: Any) -> "StepSettings":
    """A training step with a method, checked; ``settings`` are the fields of ``StepSettings``.

    Raises:
        UsageError: a name or a setting is wrong, or such a step cannot be.
    """
    from tunelab.memory.settings import BYTES, OPTIMIZERS, SHARDINGS, WEIGHTS, StepSettings, check
    from tunelab.methods.contract import find_method

    known: dict[str, tuple[str, tuple[str | None, ...]]] = {
        "device": ("device", ("auto", "cpu", "cuda")),
        "precision": ("precision", tuple(BYTES)),
        "optimizer": ("optimizer", OPTIMIZERS),
        "sharding": ("sharding", SHARDINGS),
        "weights": ("form of weights", (None, *WEIGHTS)),
    }
    given = {"device": device, **settings}
    for key, (kind, names) in known.items():
        if key in given and given[key] not in names:
            shown = ", ".join(map(str, names))
            raise UsageError(f"unknown {kind} {given[key]!r}: known are: {shown}.")
    step = StepSettings(device=_device() if device == "auto" else device, **settings)
    check(step, find_method(method))
    return step


def device_memory(device: str, gigabytes: float | None = None) -> int:
    """Bytes: the given GB (10⁹ bytes), else those of this machine's device.

    Without a GPU they are those of its main memory, whatever the device.

    Raises:
        UsageError: ``gigabytes`` is not above 0.
    """
    if gigabytes is not None:
        if isinstance(gigabytes, bool) or not gigabytes > 0:
            raise UsageError(f"memory must be above 0, in GB, not {gigabytes!r}.")
        return int(gigabytes * 1e9)
    from tunelab.models.device import device_facts, has_gpu_driver

    if device == "cuda" and has_gpu_driver():
        facts = device_facts()
        return int(facts.get("device_memory", facts["memory"]))
    import psutil

    return int(psutil.virtual_memory().total)


def _device() -> str:
    """The device of this machine; torch is asked only where there is a driver of a GPU."""
    from tunelab.models.device import has_gpu_driver, pick_device

    return "cuda" if has_gpu_driver() and pick_device() == "cuda" else "cpu"
