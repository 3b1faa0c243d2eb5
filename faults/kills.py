"""SIGKILL at random moments: the command is killed, begun again, killed again, and let finish."""

import random
from collections.abc import Iterator
from pathlib import Path

from faults.child import call, finish, start
from faults.scene import RUN, Command
from faults.trial import Trial, Whole, settle

KIND = "SIGKILL at a random moment"
_IN_A_ROW = 2


def trials(
    command: Command, whole: Whole, folder: Path, *, count: int, draw: random.Random
) -> Iterator[Trial]:
    """Kill until ``count`` kills have struck; every moment of the undisturbed time is as likely."""
    struck = number = 0
    span = whole.seconds
    while struck < count:
        out = folder / f"{number}-{RUN}"
        out.mkdir(parents=True)
        number += 1
        kills = 0
        for _ in range(min(_IN_A_ROW, count - struck)):
            ended = finish(start(call(command.words(out))), kill_after=draw.uniform(0, span))
            if ended.code != -9:
                # It was quicker than before, as one is that goes on, or that has the machine alone.
                span = min(span, max(ended.seconds, whole.seconds / 4))
                break
            kills += 1
        struck += kills
        yield settle(KIND, command, out, whole, kills)
