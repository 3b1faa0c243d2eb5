"""Warnings that libraries give each other, which nobody who uses tunelab can act on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LIBRARIES = r"(transformers|peft|torch|accelerate)\b"


@contextmanager
def hide_library_warnings() -> Iterator[None]:
    """Hide what these libraries say about their own future defaults."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=_LIBRARIES)
        yield


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Let a library's logger, the root one where the name is empty, tell of errors alone."""
    found = logging.getLogger(logger)
    level = found.level
    found.setLevel(logging.ERROR)
    try:
        yield
    finally:
        found.setLevel(level)
