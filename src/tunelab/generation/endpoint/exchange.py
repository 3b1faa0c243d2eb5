"""One request to an endpoint, and the reading of its reply."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from queue import Empty, SimpleQueue
from typing import Any

from tunelab.errors import UsageError
from tunelab.generation.endpoint.errors import EndpointError, TransientError
from tunelab.generation.endpoint.events import events
from tunelab.generation.endpoint.refusal import check_status
from tunelab.generation.endpoint.reply import Reply, take
from tunelab.generation.endpoint.request import Request, Timeouts

# How often a wait looks up, for an interrupt and for the longest time. Seconds.
_LOOK = 0.1

_Inbox = SimpleQueue[dict[str, Any] | Exception | None]


def pause(seconds: float, interrupt: Callable[[], bool]) -> None:
    """Wait, but not beyond an interrupt."""
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0 and not interrupt():
        time.sleep(min(left, _LOOK))


def exchange(
    request: Request, reply: Reply, interrupt: Callable[[], bool], client: Any = None
) -> Iterator[str]:
    """Make one request and read its stream into ``reply``; yields each piece of text.

    A thread does the reading, since neither silence nor a trickle of bytes may keep an interrupt
    or the longest time from being seen. ``client`` is one of :func:`open_client` that several
    requests share; without it the request has its own.

    Raises:
        TransientError: another try may better it.
        EndpointError: it may not.
    """
    if interrupt():
        reply.interrupted = True
        return
    whole = request.patience.whole
    inbox: _Inbox = SimpleQueue()
    left = threading.Event()
    started = last = time.perf_counter()
    threading.Thread(target=_read, args=(request, inbox, left, client), daemon=True).start()
    try:
        while reply.reason is None:
            try:
                event = inbox.get(timeout=_LOOK)
            except Empty:
                event = {}
            now = time.perf_counter()
            if event is None:
                raise TransientError("it closed the connection early")
            if isinstance(event, Exception):
                raise event
            if now - started > whole:
                raise TransientError(f"it took more than {whole:g} seconds")
            text = take(event, reply, now - last)
            if text:
                last = now
                yield text
            if reply.reason is None and interrupt():
                reply.interrupted = True
                return
    finally:
        left.set()


def open_client(patience: Timeouts) -> Any:
    """A client that keeps its connections; it follows no redirect, so that no key leaves."""
    import httpx

    timeout = httpx.Timeout(patience.silence, connect=patience.connect)
    # The caller bounds how many requests go on at once.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.Client(timeout=timeout, follow_redirects=False, limits=limits)


def _read(request: Request, inbox: _Inbox, left: threading.Event, client: Any) -> None:
    """Put every event of a reply into ``inbox``, then None, or the error, until it is ``left``."""
    # Compressed, a short reply could become a long one before its length is known.
    headers = {"Accept-Encoding": "identity"}
    if request.key:
        headers["Authorization"] = f"Bearer {request.key}"
    address = f"{request.url}/{request.path}"
    try:
        with (
            open_client(request.patience) if client is None else nullcontext(client) as used,
            used.stream("POST", address, json=dict(request.body), headers=headers) as response,
        ):
            check_status(request, response)
            for event in events(response.iter_text(), left.is_set):
                inbox.put(event)
        inbox.put(None)
    except Exception as error:
        # Whoever waits for the inbox raises it.
        inbox.put(_without_key(request.key, _explained(request, error)))


def _without_key(key: str, error: Exception) -> Exception:
    """The error without the API key, which a server may repeat in its message."""
    if not key or key not in str(error):
        return error
    message = str(error).replace(key, "(the key)")
    if isinstance(error, TransientError):
        return TransientError(message, error.wait, error.status)
    return EndpointError(message, status=getattr(error, "status", None))


def _explained(request: Request, error: Exception) -> Exception:
    """What an error of the connection means for the request."""
    import httpx

    patience = request.patience
    if isinstance(error, httpx.ConnectTimeout):
        return TransientError(f"no connection within {patience.connect:g} seconds")
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return EndpointError(
            f"the certificate of {request.url} is not trusted, so nothing was sent; mend it, or "
            "add its authority to those of this machine (SSL_CERT_FILE)."
        )
    if isinstance(error, httpx.ConnectError):
        return TransientError("nothing answers at this address")
    if isinstance(error, httpx.TimeoutException):
        return TransientError(f"it sent nothing for {patience.silence:g} seconds")
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return TransientError("it closed the connection early")
    if isinstance(error, httpx.HTTPError):
        return TransientError(f"the request failed ({type(error).__name__})")
    if isinstance(error, httpx.InvalidURL | UnicodeError):
        return UsageError(f"{request.url!r} is not a valid address; give http://HOST:PORT/v1.")
    return error
