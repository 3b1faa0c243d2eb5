"""Processes that work in turns: the side that starts them and gives the turns.

Its other side, inside a contestant, is :mod:`turns`.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

Contestant = subprocess.Popen[str]


def start_contestant(command: Sequence[str], variables: Mapping[str, str]) -> Contestant:
    """Start a contestant, and wait until it is ready for its first turn."""
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | dict(variables),
    )
    _answer(process)
    return process


def take_turn(process: Contestant) -> dict[str, Any]:
    """Let a contestant work for one turn; what it reports of it."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return _answer(process)


def finish(process: Contestant) -> None:
    """End a contestant: there is no further turn."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _answer(process: Contestant) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("TURN "):
            return dict(json.loads(line.removeprefix("TURN ")))
    command = " ".join(process.args)  # type: ignore[arg-type]
    raise SystemExit(f"a contestant ended early; run it by hand to see why: {command}")
