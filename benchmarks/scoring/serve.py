"""A contestant's side of a benchmark in turns: work when told to, and report how long it took."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def serve(work: Callable[[], dict[str, Any]], rows: int) -> None:
    """Do ``work`` over ``rows`` rows once for each line of standard input."""
    print("TURN " + json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        values = work()
        seconds = time.perf_counter() - started
        print("TURN " + json.dumps({"seconds": seconds, "rows": rows, **values}), flush=True)
