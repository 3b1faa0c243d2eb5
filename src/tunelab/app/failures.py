"""Errors of a page's functions, told on the page itself, and questions before a download."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

from tunelab.app.downloads import DownloadNeededError, button_words, download
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
            return [_message(error), *_unchanged(others)]

    return run


def told_or_asked(work: Callable[..., Any], others: int) -> Callable[..., list[Any]]:
    """As :func:`told`, with the button and the state of :func:`build_question` after the message.

    Where something has to be downloaded, the message says what and how large it is, and the button
    does it.
    """

    def run(*given: Any) -> list[Any]:
        try:
            return [Markup(""), *_no_question(), *work(*given)]
        except Exception as error:
            return [_message(error), *_question(error), *_unchanged(others)]

    return run


def told_or_asked_stepwise(
    work: Callable[..., Iterator[Any]], others: int
) -> Callable[..., Iterator[Any]]:
    """As :func:`told_or_asked`, for a generator."""

    def run(*given: Any) -> Iterator[list[Any]]:
        try:
            for values in work(*given):
                yield [Markup(""), *_no_question(), *values]
        except Exception as error:
            yield [_message(error), *_question(error), *_unchanged(others)]

    return run


def build_question() -> list[Any]:
    """A message, the button that downloads, and the state that holds what it downloads."""
    import gradio as gr

    return [
        gr.HTML(elem_id="message", padding=False),
        gr.Button("Download", visible=False, elem_id="download"),
        gr.State(()),
    ]


def wire_question(question: list[Any], then: Callable[[], Any], refreshed: list[Any]) -> None:
    """Let the button download; ``then`` gives the components ``refreshed`` new values after it."""
    import gradio as gr

    _, button, wanted = question

    def fetch(asked: Any) -> Iterator[list[Any]]:
        yield [notice("Downloading …", "note"), gr.skip(), gr.skip(), *_unchanged(len(refreshed))]
        try:
            done = notice(download(asked), "done")
        except Exception as error:
            yield [_message(error), gr.skip(), gr.skip(), *_unchanged(len(refreshed))]
        else:
            yield [done, *_no_question(), *then()]

    button.click(
        fetch,
        [wanted],
        [*question, *refreshed],
        show_progress="hidden",
        concurrency_limit=1,
        api_visibility="private",
    )


def _message(error: Exception) -> Markup:
    if isinstance(error, TunelabError):
        message = str(error)
    else:
        _log.error("a page failed", exc_info=error)
        message = f"This failed ({type(error).__name__}); the app's terminal shows where."
    kind = "note" if isinstance(error, DownloadNeededError) else "problem"
    # A sentence begins with a capital letter, unless it begins with the name of a file.
    if re.match(r"[a-z]+[ ,]", message):
        message = message[0].upper() + message[1:]
    return notice(message, kind)


def _question(error: Exception) -> list[Any]:
    import gradio as gr

    if not isinstance(error, DownloadNeededError):
        return _no_question()
    return [gr.Button(button_words(error.downloads), visible=True), error.downloads]


def _no_question() -> list[Any]:
    import gradio as gr

    return [gr.Button(visible=False), ()]


def _unchanged(number: int) -> list[Any]:
    import gradio as gr

    return [gr.skip() for _ in range(number)]
