"""The processes of one training: this one alone, or those that torchrun started together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunelab.errors import UsageError


def process_count() -> int:
    """How many processes torchrun or accelerate launch started, this one counted."""
    return max(1, int(os.environ.get("WORLD_SIZE") or 1)) if "RANK" in os.environ else 1


def process_number() -> int:
    """This process among them, from 0."""
    return int(os.environ["RANK"]) if process_count() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes and prints."""
    return process_number() == 0


@contextmanager
def together(device: str) -> Iterator[None]:
    """Within this context the processes know of each other: by gloo on a CPU, by NCCL on CUDA.

    Raises:
        UsageError: the launcher asks for weights that are divided among the processes.
    """
    for name, kind in (("ACCELERATE_USE_FSDP", "FSDP"), ("ACCELERATE_USE_DEEPSPEED", "DeepSpeed")):
        if os.environ.get(name, "").lower() == "true":
            raise UsageError(
                f"{kind} is not supported: each process holds the whole model (DDP); launch "
                "without it, or name a smaller model."
            )
    if process_count() == 1:
        yield
        return
    import torch.distributed
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    try:
        yield
    finally:
        if torch.distributed.is_initialized():
            state.destroy_process_group()


def wait() -> None:
    """Go on when all processes are here."""
    if process_count() > 1:
        import torch.distributed

        torch.distributed.barrier()


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process goes through this context before the others enter it."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()


def from_first(value: Any) -> Any:
    """What the first process has, in all of them."""
    if process_count() == 1:
        return value
    import torch.distributed

    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def summed(tensor: Any) -> Any:
    """The sum of a tensor over all processes, in all of them."""
    if process_count() > 1:
        import torch.distributed

        torch.distributed.all_reduce(tensor)
    return tensor
