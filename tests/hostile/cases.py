"""A row of the tables of hostile inputs: what is given, and what must come of it."""

import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tunelab.errors import TunelabError

# Seconds and bytes that any row may take.
PATIENCE = 20
ROOM = 900_000_000


@dataclass(frozen=True)
class Case:
    """``give`` is called with an empty folder.

    With ``refused``, it must end in one sentence that matches; else ``harmless`` must hold for
    what it gives.
    """

    name: str
    give: Callable[[Path], Any]
    refused: str | None = None
    harmless: Callable[[Any], bool] | None = None


def check(case: Case, folder: Path) -> None:
    """Give it, and look at what comes of it, in bounded time and memory."""
    before = _most_memory()
    with at_most(PATIENCE):
        try:
            outcome = case.give(folder)
        except TunelabError as error:
            sentence = str(error)
            assert case.refused is not None, sentence
            assert re.search(case.refused, sentence), sentence
            assert "\n" not in sentence
            assert len(sentence) < 2_000
            assert error.exit_code in (1, 2)
        else:
            assert case.refused is None, f"it was not refused, but gave {outcome!r:.200}"
            assert case.harmless is not None
            assert case.harmless(outcome), f"{outcome!r:.500}"
    assert _most_memory() - before < ROOM


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fail a test that takes longer."""

    def late(*_: Any) -> None:
        pytest.fail(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _most_memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def refused(name: str, sentence: str, give: Callable[[Path], Any]) -> Case:
    """A row that must be refused."""
    return Case(name, give, refused=sentence)


def harmless(name: str, holds: Callable[[Any], bool], give: Callable[[Path], Any]) -> Case:
    """A row that is taken, and in which something must hold."""
    return Case(name, give, harmless=holds)
