"""A clock that can be made to jump, in the place of time.time and time.time_ns.

It has to be in its place before other modules are imported, since some keep the function itself.
"""

import time
from collections.abc import Sequence

_real = time.time
_real_ns = time.time_ns
# Seconds of the steady clock, and by how many seconds the clock is wrong from then on.
_jumps: Sequence[tuple[float, float]] = ()


def install() -> None:
    """Put this clock in the place of the system's."""
    time.time = _now
    time.time_ns = lambda: _real_ns() + int(_error() * 1e9)


def jump(jumps: Sequence[tuple[float, float]]) -> None:
    """From so many seconds after now, let the clock be wrong by so many seconds."""
    global _jumps
    started = time.monotonic()
    _jumps = [(started + after, error) for after, error in jumps]


def _now() -> float:
    return _real() + _error()


def _error() -> float:
    now = time.monotonic()
    return next((error for since, error in reversed(_jumps) if now >= since), 0.0)
