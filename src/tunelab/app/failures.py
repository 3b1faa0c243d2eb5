"""Errors of a page's functions, shown on the page itself."""

import logging
import re
from collections.abc import Callable
from typing import Any

from tunelab.app.markup import Markup, notice
from tunelab.errors import TunelabError

_log = logging.getLogger(__name__)


def with_failures_shown(work: Callable[..., Any], others: int) -> Callable[..., list[Any]]:
    """``work`` with its message first: empty, or an error, which leaves the ``others`` as they are.

    ``work`` returns a list or tuple with a value for each of the others.
    """

    def run(*given: Any) -> list[Any]:
        try:
            return [Markup(""), *work(*given)]
        except Exception as error:
            return [describe(error), *unchanged(others)]

    return run


def describe(error: Exception, kind: str = "problem") -> Markup:
    """An error as a highlighted sentence; an unexpected one is logged in full."""
    if isinstance(error, TunelabError):
        message = str(error)
    else:
        _log.error("a page failed", exc_info=error)
        message = f"This failed ({type(error).__name__}); the app's terminal shows where."
    # A sentence begins with a capital letter, unless it begins with the name of a file.
    if re.match(r"[a-z]+[ ,]", message):
        message = message[0].upper() + message[1:]
    return notice(message, kind)


def unchanged(number: int) -> list[Any]:
    """``count`` components that stay as they are."""
    import gradio

    return [gradio.skip() for _ in range(number)]
