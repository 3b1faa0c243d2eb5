"""Answers of language models in the form of OpenAI's chat completions, whole or as a stream."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tunelab.errors import RunError, TunelabError, UsageError
from tunelab.generation.chat import make_settings
from tunelab.generation.local_model import LocalModel
from tunelab.generation.outcome import Ending, Generation, Progress
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.side_by_side import as_prompt
from tunelab.prompts.conversation import Message
from tunelab.prompts.prompting import Prompt
from tunelab.serving.http.bodies import ChatRequest, generation_values, messages_of
from tunelab.serving.http.model_thread import ModelThread, Writing
from tunelab.serving.http.refusals import FAILED, RequestError, error_body
from tunelab.serving.http.settings import ServeSettings

# How OpenAI's clients are told why an answer ended.
_REASONS: Mapping[Ending, str] = {
    "stop token": "stop",
    "stop string": "stop",
    "length": "length",
    "context": "length",
    "interrupted": "stop",
}


@dataclass(frozen=True)
class Asked:
    """A request that was checked: what the model is given, and how the answer is told."""

    model: str
    answerer: LocalModel
    prompt: Prompt
    settings: GenerationSettings
    logprobs: bool
    include_usage: bool
    id: str
    created: int

    @property
    def head(self) -> dict[str, Any]:
        """What every part of the answer begins with."""
        return {"id": self.id, "created": self.created, "model": self.model}


def read_chat(
    request: ChatRequest, model: str, answerer: LocalModel, settings: ServeSettings
) -> Asked:
    """The request, ready for the model.

    Raises:
        RequestError: a setting cannot be used, or the conversation is too long.
    """
    messages = messages_of(request, settings)
    try:
        chosen = make_settings(generation_values(request, settings))
    except UsageError as error:
        raise RequestError(400, str(error)) from None
    options = request.stream_options
    return Asked(
        model=model,
        answerer=answerer,
        prompt=_prompt(answerer, messages),
        settings=chosen,
        logprobs=bool(request.logprobs),
        include_usage=options is not None and options.include_usage,
        id=f"chatcmpl-{uuid4().hex}",
        created=int(time.time()),
    )


def _prompt(answerer: LocalModel, messages: list[Message]) -> Prompt:
    """A conversation; one question to a model without a template is put as `generate` puts it."""
    roles = [one["role"] for one in messages]
    if roles in (["user"], ["system", "user"]):
        system = messages[0]["content"] if len(messages) > 1 else ""
        return as_prompt(answerer, messages[-1]["content"], system)
    return messages


def _begin(asked: Asked) -> Iterator[Progress]:
    """The steps of the answer.

    Raises:
        UsageError: the model's chat template refuses the conversation.
    """
    try:
        asked.answerer.count(asked.prompt)
    except RunError:
        raise UsageError(
            "the chat template of this model refuses the conversation; let user and assistant take "
            "turns, the user first and last."
        ) from None
    return asked.answerer.stream([asked.prompt], asked.settings)


class Steps:
    """The steps of an answer, from the thread that writes it to the loop that sends it."""

    def __init__(self, asked: Asked, models: ModelThread) -> None:
        loop = asyncio.get_running_loop()
        steps: asyncio.Queue[Progress | Exception | None] = asyncio.Queue()

        def tell(step: Progress | Exception | None) -> None:
            # The loop has ended where the service was stopped at once.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(steps.put_nowait, step)

        self._steps = steps
        self._first: Progress | None = None
        self._writing = Writing(
            begin=lambda: _begin(asked),
            on_step=tell,
            on_end=tell,
        )
        models.write(self._writing)

    async def begin(self, deadline: float) -> None:
        """Wait for the first step, so that what cannot be answered is known.

        Raises:
            RequestError, RunError: as :meth:`read`.
        """
        self._first = await self._next(deadline)

    def give_up(self) -> None:
        """End the answer, as nobody waits for it."""
        self._writing.unwanted = True

    async def read(self, deadline: float) -> AsyncIterator[Progress]:
        """Each step as it comes, until ``deadline`` of the loop's clock.

        Raises:
            RequestError: it takes longer, or the prompt does not fit.
            RunError: the model cannot answer.
        """
        try:
            step, self._first = self._first, None
            while step is not None or (step := await self._next(deadline)) is not None:
                yield step
                step = None
        finally:
            self.give_up()

    async def _next(self, deadline: float) -> Progress | None:
        try:
            async with asyncio.timeout_at(deadline):
                step = await self._steps.get()
        except TimeoutError:
            self.give_up()
            raise RequestError(
                504, "the answer took too long; lower max_tokens, or ask again later."
            ) from None
        if isinstance(step, UsageError):
            raise RequestError(400, str(step))
        if isinstance(step, Exception):
            raise step
        return step


async def whole_answer(asked: Asked, steps: Steps, deadline: float) -> dict[str, Any]:
    """The answer as a chat completion.

    Raises:
        RequestError, RunError: as :meth:`Steps.read`.
    """
    done: dict[int, Generation] = {}
    async for step in steps.read(deadline):
        if step.done is not None:
            done[step.sample] = step.done
    choices = [
        {
            "index": sample,
            "message": {"role": "assistant", "content": one.text},
            "finish_reason": _REASONS[one.ending],
            "logprobs": _logprobs(one) if asked.logprobs else None,
        }
        for sample, one in sorted(done.items())
    ]
    return {
        **asked.head,
        "object": "chat.completion",
        "choices": choices,
        "usage": usage_of(list(done.values())),
    }


async def streamed_answer(
    asked: Asked,
    steps: Steps,
    deadline: float,
    done: list[Generation],
    *,
    on_failure: Callable[[Exception], None],
) -> AsyncIterator[bytes]:
    """The answer as events; ``done`` is given each whole answer.

    What fails on the way ends the stream with an event that holds the error. ``on_failure`` is
    given what the service, and not the request, is to blame for.
    """
    for sample in range(asked.settings.samples):
        yield _chunk(asked, [_choice(sample, {"role": "assistant", "content": ""}, None)])
    try:
        async for step in steps.read(deadline):
            if step.text:
                yield _chunk(asked, [_choice(step.sample, {"content": step.text}, None)])
            if step.done is not None:
                done.append(step.done)
                last = _choice(step.sample, {}, _REASONS[step.done.ending])
                if asked.logprobs:
                    last["logprobs"] = _logprobs(step.done)
                yield _chunk(asked, [last])
    except RequestError as error:
        yield b"data: " + error_body(error.status, error.message) + b"\n\n"
        return
    except Exception as error:
        on_failure(error)
        message = str(error) if isinstance(error, TunelabError) else FAILED
        yield b"data: " + error_body(500, message) + b"\n\n"
        return
    if asked.include_usage:
        yield _chunk(asked, [], usage=usage_of(done))
    yield b"data: [DONE]\n\n"


def usage_of(done: Sequence[Generation]) -> dict[str, int]:
    """The tokens that were read, once, and written."""
    read = done[0].prompt_tokens or 0 if done else 0
    written = sum(len(one.tokens) for one in done)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


def _choice(sample: int, delta: Mapping[str, str], reason: str | None) -> dict[str, Any]:
    return {"index": sample, "delta": dict(delta), "finish_reason": reason, "logprobs": None}


def _chunk(asked: Asked, choices: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    values = {**asked.head, "object": "chat.completion.chunk", "choices": choices, **more}
    # A token of a byte-level vocabulary can hold half a character.
    return b"data: " + json.dumps(values).encode("ascii") + b"\n\n"


def _logprobs(done: Generation) -> dict[str, Any]:
    """The log-probability of each token that was written, in nats."""
    return {
        "content": [
            {
                "token": token.text,
                "logprob": token.logprob,
                "bytes": list(token.text.encode("utf-8", "replace")),
                "top_logprobs": [],
            }
            for token in done.tokens
        ],
        "refusal": None,
    }
