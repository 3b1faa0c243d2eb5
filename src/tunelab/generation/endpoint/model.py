"""An endpoint's model, asked as a local one is.

Answers are streamed, so that the time to the first token is known and an answer that breaks off is
not lost.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tunelab.errors import UsageError
from tunelab.generation.endpoint.errors import EndpointError, TransientError
from tunelab.generation.endpoint.exchange import exchange
from tunelab.generation.endpoint.reply import Reply
from tunelab.generation.endpoint.request import Request, Timeouts, content, seeded
from tunelab.generation.endpoint.retries import wait_or_give_up
from tunelab.generation.outcome import Generation, Progress
from tunelab.generation.settings import GenerationSettings
from tunelab.guards.visible_text import has_hidden
from tunelab.prompts.prompting import Prompt

KEY_VARIABLE = "TUNELAB_API_KEY"


@dataclass(frozen=True)
class EndpointModel:
    """A model by its name at an endpoint, such as ``http://127.0.0.1:8000/v1``."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    patience: Timeouts = field(default_factory=Timeouts)

    @property
    def name(self) -> str:
        """What the results call it."""
        return f"{self.url}#{self.model}"

    @property
    def context(self) -> int | None:
        """Unknown: the endpoint refuses what does not fit."""
        return None

    def count(self, prompt: Prompt) -> int:
        """Unknown: the tokenizer is the endpoint's."""
        return 0

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> list[list[Generation]]:
        """Answers, (prompts, samples), one request each.

        Raises:
            EndpointError: the endpoint gave up; its ``done`` are the answers until then.
        """
        answers: list[list[Generation]] = [[] for _ in prompts]
        try:
            for step in self.stream(prompts, settings, interrupt=interrupt):
                if step.done is not None:
                    answers[step.prompt].append(step.done)
        except EndpointError as error:
            raise EndpointError(str(error), error.partial, answers) from None
        return answers

    def stream(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        begun: Sequence[Sequence[Generation]] | None = None,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> Iterator[Progress]:
        """The same, step by step. An answer that was begun is requested again.

        Raises:
            EndpointError: the endpoint gave up.
            UsageError: a prompt is given as token ids.
        """
        contents = [content(self.model, prompt, settings) for prompt in prompts]
        for position, (path, body) in enumerate(contents):
            request = Request(self.url, path, body, self.patience, self.key)
            for sample in range(settings.samples):
                one = seeded(request, settings.seed + sample)
                yield from _answer(one, position, sample, settings, interrupt)


def is_endpoint(name: str) -> bool:
    """Whether a model's name is that of an endpoint."""
    return name.startswith(("http://", "https://"))


def open_endpoint(name: str, patience: Timeouts | None = None) -> EndpointModel:
    """The endpoint that ``http://HOST:PORT/v1#MODEL`` names; a key is read from TUNELAB_API_KEY.

    Raises:
        UsageError: no model is named, the address is none, or a secret is in it: it would
            be written into records. It is not repeated then.
    """
    url, _, model = name.partition("#")
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    # Also where the address is none: what stands before an @ may be a password all the same.
    if "@" in url or "?" in url:
        raise UsageError(
            "the address of an endpoint may hold no user, password or query, as it is written "
            f"into records; put the key into {KEY_VARIABLE} and give http://HOST:PORT/v1#MODEL."
        )
    if not whole or not model or has_hidden(name):
        raise UsageError(f"{name!r} must be an address and a model: http://HOST:PORT/v1#MODEL.")
    return EndpointModel(
        url.rstrip("/"), model, os.environ.get(KEY_VARIABLE, ""), patience or Timeouts()
    )


def _answer(
    request: Request,
    position: int,
    sample: int,
    settings: GenerationSettings,
    interrupt: Callable[[], bool],
) -> Iterator[Progress]:
    """One answer, with bounded retries. What was shown is not shown again."""
    patience = request.patience
    shown = ""
    best = Reply()
    for attempt in range(1, patience.attempts + 1):
        reply = Reply()
        try:
            for text in exchange(request, reply, interrupt):
                whole = reply.text
                if len(whole) > len(best.text):
                    best = reply
                # After a retry the same words come again; other ones cannot be taken back.
                if text and len(whole) > len(shown) and whole.startswith(shown):
                    yield Progress(position, sample, whole[len(shown) :])
                    shown = whole
            if reply.interrupted and len(best.text) > len(reply.text):
                reply, best.interrupted = best, True
            yield Progress(position, sample, "", reply.generation(settings))
            return
        except TransientError as fault:
            wait_or_give_up(request, fault, attempt, interrupt, partial=best.text)
