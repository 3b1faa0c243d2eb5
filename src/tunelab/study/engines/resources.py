"""What a cell asks of a machine: processors, devices, and the memory that ``estimate`` finds."""

from dataclasses import dataclass

from tunelab.errors import TunelabError
from tunelab.study.engines.work import Work

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


def needs_of(cell: Work, *, cpus: int) -> Needs:
    """What a cell needs while it is run.

    On a CPU that is the peak of a training step, or weights and logits where a model is only
    asked. On a GPU the machine holds the weights while they are read.
    """
    try:
        memory = cell.estimator.memory()
    except TunelabError:
        memory = UNKNOWN
    return Needs(cpus, int(cell.estimator.device == "cuda"), PROCESS + memory)
