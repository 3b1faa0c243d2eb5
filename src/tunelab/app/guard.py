"""Checks of every request before a page gets it: host, origin, password and size."""

import asyncio
import base64
import hmac
import re

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

# The doors that the pages use. Gradio has more: a proxy, calls past the queue, a monitor.
_GET = re.compile(
    r"/|/[a-z-]+/?|/report/[^/]+|/(assets|static)/.+|/theme\.css|/favicon\.ico|/manifest\.json"
    r"|/gradio_api/(queue/data|upload_progress|startup-events|app_id|info|theme\.css"
    r"|heartbeat/[^/]+|file=/(?!.*://).+)"
)
_POST = re.compile(r"/gradio_api/(queue/join|cancel|upload|reset)/?")
_SHUT = {"/monitoring", "/login", "/logout", "/svelte", "/token"}
# A guess of the password costs this many seconds.
_WRONG = 1.0

HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' "
    "'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


def guarded(app: App, *, hosts: frozenset[str] | None, password: str | None, max_body: int) -> App:
    """The app behind its guard.

    ``hosts``: the names that the server answers to, without ports; None for any, which takes a
    password. ``max_body``: bytes of a request at most.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        refusal = check_request(scope["method"], scope["path"], headers, hosts, max_body)
        if refusal is not None:
            await _refuse(send, *refusal)
        elif password is not None and not knows(password, headers.get("authorization", "")):
            if "authorization" in headers:
                await asyncio.sleep(_WRONG)
            await _refuse(send, 401, "This app needs a password.")
        else:
            await app(scope, _bounded(receive, max_body), with_headers(send, HEADERS))

    return guard


def check_request(
    method: str, path: str, headers: dict[str, str], hosts: frozenset[str] | None, max_body: int
) -> tuple[int, str] | None:
    """The status and the sentence that a request is refused with, or None."""
    refusal = check_sender(headers, hosts)
    if refusal is not None:
        return refusal
    doors = {"GET": _GET, "HEAD": _GET, "POST": _POST}.get(method)
    if doors is None or not doors.fullmatch(path) or path.rstrip("/") in _SHUT:
        return 404, "There is nothing here."
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > max_body:
        return 413, f"That is larger than {max_body / 1e6:.0f} MB."
    return None


def knows(password: str, authorization: str) -> bool:
    """Whether a Basic Authorization header holds the password, with any user name."""
    kind, _, value = authorization.partition(" ")
    try:
        given = base64.b64decode(value, validate=True).partition(b":")[2]
    except ValueError:
        return False
    return kind.lower() == "basic" and hmac.compare_digest(given, password.encode("utf-8"))


def _bounded(receive: Receive, most: int) -> Receive:
    """The messages of a request's body; too long a body ends as if the client had disconnected."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= most else {"type": "http.disconnect"}

    return bounded


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="tunelab", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
