"""The clock jumps: forth and back while a command is at work, and in the times of its files."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

from faults import clock
from faults.child import call, finish, start
from faults.scene import Command
from faults.trial import Trial, Whole, fresh_folders, settle

KIND = "the clock jumps"
_YEARS = 365.25 * 86400


def trials(
    command: Command, whole: Whole, folder: Path, *, count: int, draw: random.Random
) -> Iterator[Trial]:
    """Let it jump by up to ten years either way, at random moments, ``count`` times."""
    for out in fresh_folders(folder, count):
        jumps = [
            (moment, draw.uniform(-10, 10) * _YEARS)
            for moment in sorted(draw.uniform(0, whole.seconds) for _ in range(3))
        ]
        yield settle(KIND, command, out, whole, 1, arm=lambda jumps=jumps: clock.jump(jumps))


def mixed_up(
    command: Command, whole: Whole, folder: Path, *, count: int, draw: random.Random
) -> Iterator[Trial]:
    """Kill a command, give its files random times, and let it go on with another clock."""
    for out in fresh_folders(folder, count):
        moment = draw.uniform(0.3, 0.9) * whole.seconds
        finish(start(call(command.words(out))), kill_after=moment)
        for path in sorted(out.rglob("*")):
            when = draw.uniform(0, 60) * _YEARS
            os.utime(path, (when, when))
        error = draw.uniform(-10, 10) * _YEARS
        yield settle(KIND, command, out, whole, 1, arm=lambda error=error: clock.jump([(0, error)]))
