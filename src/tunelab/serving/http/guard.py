"""What every request passes: names, token, room, size and time; and its line in the log.

A request has its whole body before anything reads it, so that a slow one costs a place in the
queue for some seconds and nothing else.
"""

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tunelab.guards.web_requests import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    check_sender,
    headers_of,
    with_headers,
)
from tunelab.serving.http.metrics import Metrics
from tunelab.serving.http.refusals import FAILED, RequestError, error_body
from tunelab.serving.http.settings import ServeSettings

# Who asks whether the service lives has no token.
OPEN_PATHS = ("/healthz", "/readyz")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass
class Traffic:
    """The requests of now. ``stopping``: connections are closed behind their answers."""

    in_flight: int = 0
    stopping: bool = False


@dataclass
class _Seen:
    """What becomes a line of the log."""

    status: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


def guarded(
    app: App,
    *,
    settings: ServeSettings,
    paths: frozenset[str],
    traffic: Traffic,
    metrics: Metrics,
    advised_wait: Callable[[], int],
    log: Callable[[str, Mapping[str, Any]], None],
) -> App:
    """The app behind its guard.

    ``paths`` are those that the metrics name. ``advised_wait``: seconds after which a full queue
    should have room. ``log`` is given the event and its values. The app finds a dictionary under
    ``facts`` in the scope, whose values stand in the line of the log.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.monotonic()
        headers = headers_of(scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        seen = _Seen()
        scope["facts"] = seen.facts
        own = {**HEADERS, "x-request-id": request_id}
        answer = with_headers(_watched(send, seen, traffic, settings.body_seconds), own)
        try:
            await _pass(scope, headers, receive, answer)
        except RequestError as error:
            if not seen.status:
                await refuse(answer, error)
        except Exception as error:
            note_error(seen.facts, error)
            if not seen.status:
                await refuse(answer, RequestError(500, FAILED))
        finally:
            seconds = time.monotonic() - began
            path = scope["path"] if scope["path"] in paths else "other"
            metrics.count("tunelab_requests_total", path=path, status=str(seen.status))
            metrics.observe("tunelab_request_seconds", seconds, path=path)
            if "error" in seen.facts:
                metrics.count("tunelab_errors_total", path=path, error=seen.facts["error"])
            log(
                "request",
                {
                    "request_id": request_id,
                    "method": scope["method"] if scope["method"] in ("GET", "POST") else "other",
                    "path": path,
                    "status": seen.status,
                    "milliseconds": round(1000 * seconds, 3),
                    **seen.facts,
                },
            )

    async def _pass(scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        refusal = check_sender(headers, settings.hosts)
        if refusal is not None:
            raise RequestError(*refusal)
        if settings.token is not None and scope["path"] not in OPEN_PATHS:
            check_token(settings.token, headers.get("authorization", ""))
        if scope["method"] != "POST":
            # The server leaves out the body where the head alone was asked for.
            asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
            await app(asked, receive, send)
            return
        check_size(headers, settings.body_bytes)
        if traffic.in_flight >= settings.queue:
            raise RequestError(
                429,
                f"the queue is full: {settings.queue} requests wait or are being answered; ask "
                "again after the seconds of Retry-After.",
                {"retry-after": str(advised_wait())},
            )
        traffic.in_flight += 1
        try:
            body = await read_whole(receive, settings.body_bytes, settings.body_seconds)
            await app(scope, _after(body, receive), send)
        finally:
            traffic.in_flight -= 1

    return guard


def check_token(token: str, authorization: str) -> None:
    """Refuse a request without the token, in a time that does not depend on what is wrong.

    Raises:
        RequestError: as said.
    """
    kind, _, given = authorization.partition(" ")
    # Headers are read as Latin-1, which gives the bytes that were sent.
    same = hmac.compare_digest(given.strip(" \t").encode("latin-1"), token.encode("utf-8"))
    if kind.lower() != "bearer" or not same:
        raise RequestError(
            401,
            "this service needs its token; send the header Authorization: Bearer TOKEN.",
            {"www-authenticate": 'Bearer realm="tunelab"'},
        )


def check_size(headers: Mapping[str, str], most: int) -> None:
    """Refuse a body that is not plain JSON, or that says that it is too large.

    Raises:
        RequestError: as said.
    """
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise _too_large(most)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(415, "a compressed body is not read; send it as it is.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(
            415, "the body must be JSON; send the header Content-Type: application/json."
        )


async def read_whole(receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body of a request.

    Raises:
        RequestError: it is larger than ``most`` bytes, or is not there after ``seconds``, or who
            sent it is gone.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise RequestError(400, "the request ended before its body did.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise RequestError(
            408,
            f"the body was not there after {seconds:g} seconds; send it faster.",
            {"connection": "close"},
        ) from None


async def refuse(send: Send, error: RequestError) -> None:
    """Answer with an error."""
    body = error_body(error.status, error.message)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **error.headers,
    }
    # Whoever asked may be gone.
    with suppress(OSError):
        await send(
            {
                "type": "http.response.start",
                "status": error.status,
                "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": body})


def _too_large(most: int) -> RequestError:
    return RequestError(413, f"the body is larger than {most:,} bytes; send several requests.")


def _after(body: bytes, receive: Receive) -> Receive:
    """What an app receives that reads a body which was read before."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _watched(send: Send, seen: _Seen, traffic: Traffic, seconds: float) -> Send:
    """``send``, which notes the status, and closes connections while the service stops.

    A part that its reader does not take within ``seconds`` raises a TimeoutError.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status = message["status"]
            if traffic.stopping:
                kept = [pair for pair in message["headers"] if pair[0].lower() != b"connection"]
                message["headers"] = [*kept, (b"connection", b"close")]
        async with asyncio.timeout(seconds):
            await send(message)

    return sending


def note_error(facts: dict[str, Any], error: Exception) -> None:
    """Tell the line of the log the kind of an error and where it comes from, never its text."""
    facts["error"] = type(error).__name__
    facts["where"] = _where(error)


def _where(error: Exception) -> str:
    """The file and the line that an error comes from, without its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"
