"""The JSON values of an endpoint's reply, as server-sent events or in one piece."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tunelab.generation.endpoint.errors import TransientError

_LONGEST_REPLY = 10_000_000


def events(chunks: Iterable[str], left: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """The values of a reply that comes in ``chunks``, until the request is given up.

    Raises:
        TransientError: what comes is no answer.
    """
    parts: list[str] = []
    size, plain = 0, ""
    for chunk in chunks:
        size += len(chunk)
        if left():
            return
        if size > _LONGEST_REPLY:
            raise TransientError("it sends more than an answer can be")
        parts.append(chunk)
        if "\n" not in chunk:
            continue
        *lines, rest = "".join(parts).split("\n")
        parts = [rest]
        for line in lines:
            if line.startswith("data:"):
                yield _event(line)
            elif not line.startswith((":", "event:", "id:", "retry:")):
                plain += line
    rest = "".join(parts)
    if rest.startswith("data:"):
        yield _event(rest)
    elif (plain + rest).strip():
        value = _json(plain + rest)
        if "choices" not in value:
            raise TransientError("it sends something else than answers")
        yield value


def _event(line: str) -> dict[str, Any]:
    data = line.removeprefix("data:").strip()
    return {"choices": [{"finish_reason": "stop"}]} if data == "[DONE]" else _json(data)


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise TransientError("it sends something else than answers")
    if value.get("error"):
        error = value["error"]
        message = error.get("message") if isinstance(error, dict) else error
        raise TransientError(f"it failed: {' '.join(str(message).split())[:200]}")
    return value
