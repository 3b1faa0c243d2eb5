"""Measure: run the step and ask the allocator what it gave out.

On CUDA the allocator keeps the highest count itself. On a CPU torch.profiler records each
allocation and release as an event named ``[memory]``; summed in time they give the bytes held at
each moment. The resident set is what the system gave the process, with what the allocator, the
libraries and the profiler hold besides.
"""

import sys
from dataclasses import dataclass
from typing import Any

from tunelab.memory.settings import StepSettings
from tunelab.memory.step import build, ready

# What the profiler knows the step by.
STEP = "tunelab step"


@dataclass(frozen=True)
class Measurement:
    """Bytes. ``peak``: the allocator's; ``resident``: by how much the process grew, at most;
    ``reserved``: what CUDA's allocator held of the device; None where there is no such thing.
    """

    peak: int
    resident: int | None
    reserved: int | None


def measure(config: Any, method: Any, chosen: Any, settings: StepSettings) -> Measurement:
    """Run a step of a model with random weights."""
    return (
        _on_cuda(config, method, chosen, settings)
        if settings.device == "cuda"
        else _on_cpu(config, method, chosen, settings)
    )


def _run(config: Any, method: Any, chosen: Any, settings: StepSettings) -> None:
    import torch

    model = build(config, method, chosen, settings)
    with ready(model, settings, known_equal=False) as step, torch.profiler.record_function(STEP):
        step()


def _on_cuda(config: Any, method: Any, chosen: Any, settings: StepSettings) -> Measurement:
    import torch

    before = torch.cuda.memory_allocated()
    model = build(config, method, chosen, settings)
    with ready(model, settings, known_equal=False) as step:
        torch.cuda.reset_peak_memory_stats()
        step()
    return Measurement(
        torch.cuda.max_memory_allocated() - before, None, torch.cuda.max_memory_reserved()
    )


def _on_cpu(config: Any, method: Any, chosen: Any, settings: StepSettings) -> Measurement:
    from torch.profiler import ProfilerActivity, profile

    before = _highest_resident()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        _run(config, method, chosen, settings)
    after = _highest_resident()
    grown = None if before is None or after is None else after - before
    return Measurement(highest(profiler), grown, None)


def highest(profiler: Any) -> int:
    """The most bytes that the CPU's allocator held at once within the step that ran.

    What is held counts from when the profiler started, before there was a model.
    """
    events = profiler.profiler.kineto_results.events()
    begun = next(event.start_ns() for event in events if event.name() == STEP)
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    held = most = 0
    for when, change in sorted(changes, key=lambda one: one[0]):
        held += change
        if when >= begun:
            most = max(most, held)
    return most


def _highest_resident() -> int | None:
    """Bytes of the process's highest resident set, where the system tells."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
