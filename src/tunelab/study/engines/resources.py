"""What a cell asks of a machine: processors, devices, and the memory that ``estimate`` finds."""

from dataclasses import dataclass

from tunelab.config import Study
from tunelab.errors import TunelabError
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import estimate, inference_bytes
from tunelab.memory.terms import total
from tunelab.study.cells import Cell, device_and_dtype
from tunelab.study.resolution import method_of, method_settings
from tunelab.study.training_step import step_of

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
        shape = shape_by_name(cell.model)
    except TunelabError:
        return Needs(cpus, int(gpu), PROCESS + UNKNOWN)
    step = step_of(study.training, length=study.prompt.max_length, precision=dtype, device=device)
    if cell.entry is None:
        return Needs(cpus, int(gpu), PROCESS + inference_bytes(shape, step))
    found = estimate(shape, method_of(cell.entry), method_settings(cell.entry), step)
    held = total(found.terms, "weights", "logits") if gpu else found.peak
    return Needs(cpus, int(gpu), PROCESS + held)
