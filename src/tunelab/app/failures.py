"""Errors of a page's functions, told on the page itself."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from tunelab.app.markup import Markup, notice
from tunelab.errors import TunelabError

_log = logging.getLogger(__name__)


def told(work: Callable[..., Any], others: int) -> Callable[..., list[Any]]:
    """``work`` with its message first: empty, or an error, which leaves the ``others`` as they are.

    ``work`` returns a list or tuple with a value for each of the others.
    """

    def run(*given: Any) -> list[Any]:
        try:
            return [Markup(""), *work(*given)]
        except Exception as error:
            return _failed(error, others)

    return run


def told_stepwise(work: Callable[..., Iterator[Any]], others: int) -> Callable[..., Iterator[Any]]:
    """As :func:`told`, for a generator."""

    def run(*given: Any) -> Iterator[list[Any]]:
        try:
            for values in work(*given):
                yield [Markup(""), *values]
        except Exception as error:
            yield _failed(error, others)

    return run


def _failed(error: Exception, others: int) -> list[Any]:
    import gradio

    if isinstance(error, TunelabError):
        message = str(error)
    else:
        _log.error("a page failed", exc_info=error)
        message = f"This failed ({type(error).__name__}); the app's terminal shows where."
    return [notice(message[:1].upper() + message[1:]), *[gradio.skip() for _ in range(others)]]
