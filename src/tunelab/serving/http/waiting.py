"""Waiting for an answer no longer than is of use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request

from tunelab.generation.outcome import Generation
from tunelab.serving.http.chat import Asked, Steps, streamed_answer
from tunelab.serving.http.guard import note_error
from tunelab.serving.http.metrics import Metrics
from tunelab.serving.http.refusals import RequestError

Found = TypeVar("Found")


async def in_time(answer: "asyncio.Future[Found]", seconds: float) -> Found:
    """The answer, which is given up after ``seconds``.

    Raises:
        RequestError: it takes longer.
    """
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        raise RequestError(
            504, f"there was no answer after {seconds:g} seconds; send fewer texts, or ask later."
        ) from None


async def unless_gone(request: Request, answer: Any, steps: Steps) -> dict[str, Any]:
    """The answer, which is no longer written when who asked is gone."""

    async def watch() -> None:
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                steps.give_up()
                return

    watching = asyncio.create_task(watch())
    try:
        found: dict[str, Any] = await answer
        return found
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def counted_stream(
    metrics: Metrics, asked: Asked, steps: Steps, deadline: float, facts: dict[str, Any]
) -> AsyncIterator[bytes]:
    """A stream, whose tokens are counted at its end."""
    done: list[Generation] = []
    try:
        async for part in streamed_answer(
            asked, steps, deadline, done, on_failure=lambda error: note_error(facts, error)
        ):
            yield part
    finally:
        steps.give_up()
        written = sum(len(one.tokens) for one in done)
        metrics.count("tunelab_written_tokens_total", written, model=asked.model)
        facts["tokens"] = written
