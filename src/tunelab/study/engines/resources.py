"""What a cell asks of a machine: processors, devices, and the memory that ``estimate`` finds."""

from dataclasses import dataclass

from tunelab.config import Study
from tunelab.errors import TunelabError
from tunelab.memory.configurations import configuration
from tunelab.memory.dimensions import dimensions_of
from tunelab.memory.formulas import estimate
from tunelab.memory.settings import StepSettings
from tunelab.memory.terms import total
from tunelab.registry import METHODS, resolve
from tunelab.study.cells import Cell, device_and_dtype
from tunelab.study.resolution import method_module, method_settings

# Python with torch and transformers, before a model is there.
PROCESS = 1_500_000_000
# Where nothing is known of a model.
UNKNOWN = 4_000_000_000


@dataclass(frozen=True)
class Needs:
    """``memory`` in bytes of the machine itself; a GPU's own is not divided."""

    cpus: int
    gpus: int
    memory: int


def needs_of(study: Study, cell: Cell, *, cpus: int) -> Needs:
    """What a cell needs while it is run.

    On a CPU that is the peak of a training step, or weights and logits where a model is only
    asked. On a GPU the machine holds the weights while they are read.
    """
    if cell.model is None:
        return Needs(cpus, 0, PROCESS)
    device, dtype = device_and_dtype(study)
    gpu = device == "cuda"
    try:
        at = dimensions_of(configuration(cell.model))
    except TunelabError:
        return Needs(cpus, int(gpu), PROCESS + UNKNOWN)
    if cell.entry is not None:
        method, module = cell.entry.name, method_module(cell.entry)
        settings = method_settings(cell.entry)
    else:
        # Which every model can have: of the terms only weights and logits count here.
        method, module = "prompt_tuning", resolve("method", "prompt_tuning", METHODS)
        settings = module.Settings()
    step = StepSettings(
        batch=study.training.batch_size,
        length=study.prompt.max_length,
        packed=study.training.packing,
        precision=dtype,
        device="cuda" if gpu else "cpu",
    )
    found = estimate(at, method, module, settings, step)
    asked = total(found.terms, "weights", "logits")
    held = found.peak if cell.entry is not None and not gpu else asked
    return Needs(cpus, int(gpu), PROCESS + held)
