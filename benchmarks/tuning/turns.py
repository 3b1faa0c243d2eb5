"""Contestants that train in turns: one computes while the others wait.

A contestant runs in a process of its own and trains as it always does; this callback stops it
every few optimizer steps, reports the seconds since it was let go, and waits for the next turn.
Loading data, stepping the optimizer and logging are inside those seconds.
"""

import json
import resource
import sys
import time
from typing import Any

from transformers import TrainerCallback


class Turns(TrainerCallback):
    """Trains ``steps`` optimizer steps a turn. Standard input gives turns, standard output times.

    ``rows`` is how many rows such a turn trains.
    """

    def __init__(self, steps: int, rows: int) -> None:
        self.steps = steps
        self.rows = rows
        self.since = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Wait for the first turn."""
        report({"ready": True})
        self._wait()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End a turn, and end training when there is no other."""
        if state.global_step % self.steps == 0:
            seconds = time.perf_counter() - self.since
            losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
            report({"seconds": seconds, "rows": self.rows, "losses": losses, "peak": peak_memory()})
            if not self._wait():
                control.should_training_stop = True

    def _wait(self) -> bool:
        again = bool(sys.stdin.readline().strip())
        self.since = time.perf_counter()
        return again


def report(values: dict[str, Any]) -> None:
    """One line of JSON for the process that gives the turns."""
    print("TURN " + json.dumps(values), flush=True)


def peak_memory() -> int:
    """The highest resident set of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
