"""Measure: run the step, and read the allocator's peak.

On CUDA the allocator keeps the highest count itself. On a CPU torch.profiler records each
allocation and release, with the operation that asked for it; summed in time they give the bytes
held at each moment. The resident set is what the system gave the process, with what the allocator,
the libraries and the profiler hold besides.

Kernels ask the same allocator for scratch memory, which they give back before they end: oneDNN
packs the factors of a product and keeps sums for itself, attention keeps a block of scores for each
thread. How much depends on the instruction set and on the number of threads: with AMX, products in
bfloat16 take several hundred kilobytes where AVX-512 takes none. So it is counted apart.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.memory.settings import StepSettings
from tunelab.memory.step import build, ready

# What the profiler knows the step by.
STEP = "tunelab step"


@dataclass(frozen=True)
class Measurement:
    """Bytes, None where there is no such thing.

    ``peak``: the allocator's; ``tensors``: the same without the scratch memory of kernels, which
    depends on the processor and the threads; ``resident``: by how much the process grew, at most;
    ``reserved``: what CUDA's allocator held of the device.
    """

    peak: int
    tensors: int | None
    resident: int | None
    reserved: int | None


def measure(config: Any, method: Any, method_settings: Any, settings: StepSettings) -> Measurement:
    """Run a step of a model with random weights."""
    return (
        _on_cuda(config, method, method_settings, settings)
        if settings.device == "cuda"
        else _on_cpu(config, method, method_settings, settings)
    )


def _run(config: Any, method: Any, method_settings: Any, settings: StepSettings) -> None:
    import torch

    model = build(config, method, method_settings, settings)
    with (
        explain_errors(f"{name_of(model)} cannot be trained", "choose another model or method"),
        ready(model, settings, known_equal=False) as step,
        torch.profiler.record_function(STEP),
    ):
        step()


def _on_cuda(config: Any, method: Any, method_settings: Any, settings: StepSettings) -> Measurement:
    import torch

    before = torch.cuda.memory_allocated()
    model = build(config, method, method_settings, settings)
    with ready(model, settings, known_equal=False) as step:
        torch.cuda.reset_peak_memory_stats()
        step()
    return Measurement(
        torch.cuda.max_memory_allocated() - before, None, None, torch.cuda.max_memory_reserved()
    )


def _on_cpu(config: Any, method: Any, method_settings: Any, settings: StepSettings) -> Measurement:
    from torch.profiler import ProfilerActivity, profile

    before = _highest_resident()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        _run(config, method, method_settings, settings)
    after = _highest_resident()
    grown = None if before is None or after is None else after - before
    return Measurement(highest(profiler), highest(profiler, scratch=False), grown, None)


def highest(profiler: Any, *, scratch: bool = True) -> int:
    """The most bytes that the CPU's allocator held at once within the step that ran.

    What is held counts from when the profiler started, before there was a model. ``scratch``:
    whether what kernels held for themselves while they ran counts too.
    """
    events = list(_events(profiler.profiler.kineto_results.experimental_event_tree()))
    begun = next(event.start_time_ns for event, _ in events if event.name == STEP)
    allocations = sorted(
        ((event, ops) for event, ops in events if hasattr(event.extra_fields, "alloc_size")),
        key=lambda one: one[0].start_time_ns,
    )
    own = set() if scratch else _of_kernels(allocations)
    held = most = 0
    for number, (event, _) in enumerate(allocations):
        if number in own:
            continue
        held += event.extra_fields.alloc_size
        if event.start_time_ns >= begun:
            most = max(most, held)
    return most


def _events(roots: Any) -> Iterator[tuple[Any, frozenset[int]]]:
    """All events of a profile, each with the kernels that it is in, by their events' numbers.

    Operations that are made of others are no kernels, as PyTorch's linear layer; a trace sees what
    they make. Nor are those that do nothing but allocate: what calls them asks for itself.
    """
    waiting: list[tuple[Any, frozenset[int]]] = [(root, frozenset()) for root in roots]
    while waiting:
        event, kernels = waiting.pop()
        yield event, kernels
        within = kernels | {event.id} if _is_kernel(event.name) else kernels
        waiting += [(child, within) for child in event.children]


@cache
def _is_kernel(name: str) -> bool:
    """Whether an event of this name is an operation with code of its own for the CPU."""
    import torch

    space, _, operation = name.partition("::")
    if space != "aten" or operation.startswith(("empty", "new_empty")):
        return False
    packet = getattr(torch.ops.aten, operation, None)
    if packet is None:
        return False
    qualified = [
        f"{name}.{overload}" if overload != "default" else name
        for overload in packet.overloads()
        # Those of named dimensions and of given outputs are made of the others.
        if not overload.lower().endswith(("out", "dimname", "dimnamelist", "names"))
    ]
    return not any(_is_made_of_others(one) for one in qualified)


def _is_made_of_others(operation: str) -> bool:
    import torch

    try:
        return bool(
            torch._C._dispatch_has_kernel_for_dispatch_key(operation, "CompositeImplicitAutograd")
        )
    except RuntimeError:
        # TorchScript has overloads, for numbers and lists, that are no operations on tensors.
        return False


def _of_kernels(allocations: list[tuple[Any, frozenset[int]]]) -> set[int]:
    """The numbers of allocations, and of releases, of what a kernel held while it ran alone.

    It is released within the kernel that asked for it; a tensor outlives that kernel.
    """
    own: set[int] = set()
    asked: dict[int, tuple[int, frozenset[int]]] = {}
    for number, (event, kernels) in enumerate(allocations):
        fields = event.extra_fields
        if fields.alloc_size > 0:
            asked[fields.ptr] = (number, kernels)
        elif fields.ptr in asked:
            before, since = asked.pop(fields.ptr)
            if since & kernels:
                own |= {before, number}
    return own


def _highest_resident() -> int | None:
    """Bytes of the process's highest resident set, where the system has it."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
