"""The question before a download: a message, and the button that starts it."""

from collections.abc import Callable, Iterator
from typing import Any

from tunelab.app.downloads import DownloadNeededError, button_words, download
from tunelab.app.failures import describe, unchanged
from tunelab.app.markup import Markup, notice


def shown_or_asked(work: Callable[..., Any], others: int) -> Callable[..., list[Any]]:
    """Show failures as :func:`tunelab.app.failures.with_failures_shown` does, or ask first.

    The parts of :func:`build_question` come before those of ``work``.

    Where something has to be downloaded, the message says what and how large it is, and the button
    does it.
    """

    def run(*given: Any) -> list[Any]:
        try:
            return [Markup(""), *_no_question(), *work(*given)]
        except Exception as error:
            return [*_shown(error), *unchanged(others)]

    return run


def shown_or_asked_stepwise(
    work: Callable[..., Iterator[Any]], others: int
) -> Callable[..., Iterator[Any]]:
    """As :func:`shown_or_asked`, for a generator."""

    def run(*given: Any) -> Iterator[list[Any]]:
        try:
            for values in work(*given):
                yield [Markup(""), *_no_question(), *values]
        except Exception as error:
            yield [*_shown(error), *unchanged(others)]

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
        same = [gr.skip(), gr.skip(), *unchanged(len(refreshed))]
        yield [notice("Downloading …", "note"), *same]
        try:
            done = notice(download(asked), "done")
        except Exception as error:
            yield [describe(error), *same]
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


def _shown(error: Exception) -> list[Any]:
    import gradio as gr

    if not isinstance(error, DownloadNeededError):
        return [describe(error), *_no_question()]
    button = gr.Button(button_words(error.downloads), visible=True)
    return [describe(error, "note"), button, error.downloads]


def _no_question() -> list[Any]:
    import gradio as gr

    return [gr.Button(visible=False), ()]
