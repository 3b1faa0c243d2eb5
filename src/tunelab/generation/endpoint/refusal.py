"""Errors that an endpoint answers with."""

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

from tunelab.generation.endpoint.errors import EndpointError, TransientError
from tunelab.generation.endpoint.request import Request

# Statuses that another try may better; every other refusal is final.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
# Of what a server says of an error: bytes that are read, and characters that are shown.
_READ, _TOLD = 20_000, 200


def check_status(request: Request, response: Any) -> None:
    """Raise an error unless the response holds an answer.

    Raises:
        TransientError: the server asks to come again, or failed.
        EndpointError: it refuses, or sends what cannot be bounded.
    """
    status = response.status_code
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise EndpointError(
            f"the endpoint {request.url} compresses its replies, which was not asked for; use one "
            "that does not."
        )
    if status == 200:
        return
    said = _server_message(response)
    if status in _PASSING:
        seconds = _asked_wait(response.headers.get("retry-after", ""))
        why = "too many requests (429)" if status == 429 else f"it failed with status {status}"
        if seconds > request.patience.longest_pause:
            said += f"; it asks to wait {seconds:,.0f} seconds"
        raise TransientError(why + said, seconds, status)
    raise EndpointError(
        f"the endpoint {request.url} refuses the request for {request.body['model']!r} with status "
        f"{status}{said}.",
        status=status,
    )


def _asked_wait(header: str) -> float:
    """The seconds of a Retry-After header, which holds a number or a date; 0 without one."""
    if header.strip().replace(".", "", 1).isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _server_message(response: Any) -> str:
    """What the server says of an error, in a few words."""
    try:
        content = b""
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _READ:
                break
        value = json.loads(content.decode("utf-8", "replace"))
        value = value.get("error", value.get("detail", value)) if isinstance(value, dict) else value
        message = value.get("message") if isinstance(value, dict) else value
    except Exception:
        return ""
    text = " ".join(str(message).split())[:_TOLD].rstrip(".") if message else ""
    return f": {text}" if text else ""
