"""Tries at one request: the wait before the next, and one whole answer."""

import logging
from collections.abc import Callable
from typing import Any

from tunelab.generation.endpoint.errors import EndpointError, TransientError
from tunelab.generation.endpoint.exchange import exchange, pause
from tunelab.generation.endpoint.reply import Reply
from tunelab.generation.endpoint.request import Request

_log = logging.getLogger(__name__)


def complete(request: Request, interrupt: Callable[[], bool], client: Any = None) -> Reply:
    """One whole answer, with bounded retries; of an interrupt what came until then.

    ``client`` is one of :func:`.exchange.open_client` that several requests share.

    Raises:
        EndpointError: the endpoint gave up.
    """
    for attempt in range(1, request.patience.attempts + 1):
        reply = Reply()
        try:
            for _ in exchange(request, reply, interrupt, client):
                pass
        except TransientError as fault:
            wait_or_give_up(request, fault, attempt, interrupt)
        else:
            break
    return reply


def wait_or_give_up(
    request: Request,
    fault: TransientError,
    attempt: int,
    interrupt: Callable[[], bool],
    *,
    partial: str = "",
) -> None:
    """Wait before another try, as long as the server asks for or twice as long each time.

    Raises:
        EndpointError: it was the last try; ``partial`` is the text received.
    """
    patience = request.patience
    if attempt == patience.attempts:
        tries = f"{attempt} tries" if attempt > 1 else "one try"
        raise EndpointError(
            f"the endpoint {request.url} gave no complete answer in {tries}: {fault}.",
            partial=partial,
            status=fault.status,
        ) from None
    wait = fault.wait or patience.pause * 2 ** (attempt - 1)
    _log.warning("endpoint %s: %s; try %d follows", request.url, fault, attempt + 1)
    pause(min(wait, patience.longest_pause), interrupt)
