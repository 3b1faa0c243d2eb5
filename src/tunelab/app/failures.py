"""Errors of a page's functions, told on the page itself, and questions before a download."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from tunelab.app.downloads import DownloadNeeded, button_words, download
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


def build_question(then: Callable[[], Any], refreshed: list[Any]) -> list[Any]:
    """A message, the button that downloads, and the state that holds what it downloads.

    ``then`` gives new values for the components ``refreshed`` after a download.
    """
    import gradio as gr

    message = gr.HTML(padding=False)
    button = gr.Button("Download", visible=False, elem_id="download")
    wanted = gr.State(())

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
        [message, button, wanted, *refreshed],
        show_progress="hidden",
        concurrency_limit=1,
        api_visibility="private",
    )
    return [message, button, wanted]


def _message(error: Exception) -> Markup:
    if isinstance(error, TunelabError):
        message = str(error)
    else:
        _log.error("a page failed", exc_info=error)
        message = f"This failed ({type(error).__name__}); the app's terminal shows where."
    kind = "note" if isinstance(error, DownloadNeeded) else "problem"
    return notice(message[:1].upper() + message[1:], kind)


def _question(error: Exception) -> list[Any]:
    import gradio as gr

    if not isinstance(error, DownloadNeeded):
        return _no_question()
    return [gr.Button(button_words(error.downloads), visible=True), error.downloads]


def _no_question() -> list[Any]:
    import gradio as gr

    return [gr.Button(visible=False), ()]


def _unchanged(number: int) -> list[Any]:
    import gradio as gr

    return [gr.skip() for _ in range(number)]
