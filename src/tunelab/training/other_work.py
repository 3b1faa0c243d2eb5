"""Whether a machine did other work while something was timed."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Processors:
    """Processors in the mean over some time: used by other processes, and free."""

    others: float
    free: float


@dataclass(frozen=True)
class Moment:
    """Seconds so far: of the clock, of all processors busy and free, and of this process."""

    clock: float
    busy: float
    free: float
    own: float


def look() -> Moment:
    """The times at this moment. Processes that this one started and that ended count as its own."""
    import psutil

    machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
    free = machine.idle + getattr(machine, "iowait", 0.0)
    # Time of guests is part of user's under Linux.
    busy = machine.user + machine.system + getattr(machine, "nice", 0.0)
    busy += getattr(machine, "irq", 0.0) + getattr(machine, "softirq", 0.0)
    return Moment(
        time.perf_counter(),
        busy,
        free,
        own.user + own.system + own.children_user + own.children_system,
    )


def used_since(start: Moment) -> Processors | None:
    """What other processes used since ``start``; None where too little time went by to tell."""
    end = look()
    seconds = end.clock - start.clock
    # The system counts in hundredths of a second.
    if seconds < 1.0:
        return None
    others = (end.busy - start.busy - (end.own - start.own)) / seconds
    return Processors(max(0.0, others), max(0.0, (end.free - start.free) / seconds))
