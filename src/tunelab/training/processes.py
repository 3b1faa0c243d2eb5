"""The processes of one training: this one alone, or those that torchrun started together."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tunelab.errors import UsageError

_FSDP = "ACCELERATE_USE_FSDP"
# The same under a name that accelerate and transformers do not know: they would act upon theirs,
# on some devices and not on others, and load empty weights.
_SHARDED = "TUNELAB_DIVIDES_WEIGHTS"


def process_count() -> int:
    """How many processes torchrun or accelerate launch started, this one counted."""
    return max(1, int(os.environ.get("WORLD_SIZE") or 1)) if "RANK" in os.environ else 1


def process_number() -> int:
    """This process among them, from 0."""
    return int(os.environ["RANK"]) if process_count() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes and prints."""
    return process_number() == 0


def shards_weights() -> bool:
    """Whether the weights are sharded over the processes (FSDP), as their launcher asked."""
    return process_count() > 1 and "true" in (_asked(_FSDP), _asked(_SHARDED))


@contextmanager
def together(device: str) -> Iterator[None]:
    """Within this context the processes know of each other: by gloo on a CPU, by NCCL on CUDA.

    Raises:
        UsageError: the launcher asks for DeepSpeed.
    """
    if _asked("ACCELERATE_USE_DEEPSPEED") == "true":
        raise UsageError(
            "DeepSpeed is not supported; launch without it, or with --use_fsdp, which shards the "
            "weights among the processes too."
        )
    if process_count() == 1:
        yield
        return
    import torch.distributed
    from accelerate import PartialState

    sharded = shards_weights()
    with _environment({_FSDP: None, _SHARDED: "true" if sharded else None}):
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
def first_process_first() -> Iterator[None]:
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


def _asked(name: str) -> str:
    return os.environ.get(name, "").lower()


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
