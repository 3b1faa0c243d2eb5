"""What every web service here checks of a request before anything else sees it.

A page of another site that is open in the same browser can send requests to this machine too. So
the names that a service answers to are checked (against DNS rebinding), and the origin of what is
sent (against forged requests).
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request, their names in lower case."""
    return {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}


def check_sender(
    headers: Mapping[str, str], hosts: frozenset[str] | None
) -> tuple[int, str] | None:
    """The status and the sentence that a request is refused with for its names, or None.

    ``hosts``: the names that the service answers to, without ports; None for any.
    """
    host = headers.get("host", "")
    if hosts is not None and bare_host(host) not in hosts:
        return 421, "This service does not answer under that host name."
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return 403, "Requests from other sites are refused."
    return None


def bare_host(host: str) -> str:
    """A host without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """``send``, which adds those of the headers that an answer does not have itself."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(
                    (key.encode(), value.encode())
                    for key, value in headers.items()
                    if key.encode() not in there
                ),
            ]
        await send(message)

    return sending
