"""Commands of tunelab in processes of their own, forked from one that has torch imported.

A fork is a process like any other, killed by a signal like any other, but begins at once. The
process that forks has to stay without threads: it imports, and computes nothing itself.
"""

import contextlib
import gc
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import NoReturn

Arm = Callable[[], object]
PATIENCE = 3600.0


@dataclass(frozen=True)
class Child:
    """A process that was started, and the pipes of what it prints."""

    pid: int
    out: int
    err: int
    started: float


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal that killed it."""

    code: int
    out: str
    err: str
    seconds: float


def start(work: Callable[[], int], arm: Arm | None = None) -> Child:
    """Fork a process that calls ``arm`` and then ``work``, whose return value is its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    out_end, out = os.pipe()
    err_end, err = os.pipe()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        for end in (out_end, err_end):
            os.close(end)
        os.dup2(out, 1)
        os.dup2(err, 2)
        _become(work, arm)
    os.close(out)
    os.close(err)
    return Child(pid, out_end, err_end, started)


def finish(child: Child, *, kill_after: float | None = None) -> Ended:
    """Read what a process prints until it ends; kill it after so many seconds.

    Raises:
        TimeoutError: it did not end within an hour.
    """
    parts: dict[int, list[bytes]] = {child.out: [], child.err: []}
    moment = None if kill_after is None else child.started + kill_after
    with selectors.DefaultSelector() as selector:
        for end in parts:
            selector.register(end, selectors.EVENT_READ)
        while selector.get_map():
            wait = 1.0 if moment is None else max(0.0, moment - time.monotonic())
            for key, _ in selector.select(wait):
                piece = os.read(key.fd, 1 << 16)
                if piece:
                    parts[key.fd].append(piece)
                else:
                    selector.unregister(key.fd)
            if moment is not None and time.monotonic() >= moment:
                os.kill(child.pid, signal.SIGKILL)
                moment = None
            if time.monotonic() - child.started > PATIENCE:
                os.kill(child.pid, signal.SIGKILL)
                raise TimeoutError(f"a command did not end within {PATIENCE:.0f} s")
    _, status = os.waitpid(child.pid, 0)
    texts = [b"".join(parts[end]).decode("utf-8", "replace") for end in (child.out, child.err)]
    for end in parts:
        os.close(end)
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, *texts, time.monotonic() - child.started)


def call(words: Sequence[str]) -> Callable[[], int]:
    """A command of tunelab as work for :func:`start`."""

    def work() -> int:
        from tunelab.cli.main import main

        return main(list(words))

    return work


def preload(work: Callable[[], int]) -> Ended:
    """Do some work in a process, and import here what it imported there."""
    here = set(sys.modules)

    def listed() -> int:
        code = work()
        names = [name for name in sys.modules if name not in here]
        sys.stderr.write("\nimported: " + " ".join(names) + "\n")
        return code

    ended = finish(start(listed))
    told, _, names = ended.err.rpartition("\nimported: ")
    for name in names.split():
        # Some modules exist only once another has made them.
        with contextlib.suppress(Exception):
            import_module(name)
    # Else each collection of a process that is forked would visit all that was imported.
    gc.collect()
    gc.freeze()
    return replace(ended, err=told)


def _become(work: Callable[[], int], arm: Arm | None) -> NoReturn:
    code = 70
    try:
        if arm is not None:
            arm()
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
