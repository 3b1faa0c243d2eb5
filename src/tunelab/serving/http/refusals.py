"""The one form of an error, and the requests that get one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

# What a program reads of an error, by its status.
TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    421: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "unavailable_error",
    504: "timeout_error",
}
# What is said of an error that nobody expected, whose own text may hold that of a request.
FAILED = "the service failed; its log names the request."


@dataclass
class RequestError(Exception):
    """A request that is refused: its status, one sentence, and the headers of the answer."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


def error_body(status: int, message: str) -> bytes:
    """The error as JSON; the message begins with a capital letter only where it is a name."""
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    content = {"error": {"message": message, "type": kind}}
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def plain_response(status: int, message: str) -> bytes:
    """A whole answer of HTTP/1.1 that ends the connection, for where no request was read."""
    body = error_body(status, message)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
