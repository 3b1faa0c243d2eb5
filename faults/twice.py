"""Two processes with the same command and the same folder, at once."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

from faults.child import call, finish, start
from faults.scene import Command, told
from faults.trial import Trial, Whole, fresh_folders, settle

KIND = "two processes at once"


def trials(
    command: Command, whole: Whole, folder: Path, *, count: int, draw: random.Random
) -> Iterator[Trial]:
    """Begin the second a random while after the first; each ends well, or says that it may not."""
    for out in fresh_folders(folder, count):
        first = start(call(command.words(out)))
        time.sleep(draw.choice([0.0, draw.uniform(0, whole.seconds)]))
        second = start(call(command.words(out)))
        ends = [finish(first), finish(second)]
        bad = [end for end in ends if end.code and "another tunelab" not in (told(end) or "")]
        if bad or all(end.code for end in ends):
            yield Trial(KIND, command.verb, 1, note=" | ".join(end.err[-300:] for end in ends))
        else:
            yield settle(KIND, command, out, whole, 1)
