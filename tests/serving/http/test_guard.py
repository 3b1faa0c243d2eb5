"""The guard of a service: token, size, time and room, before anything reads a request."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tunelab.serving.http.guard import (
    Traffic,
    check_size,
    check_token,
    guarded,
    read_whole,
    refuse,
)
from tunelab.serving.http.metrics import Metrics
from tunelab.serving.http.refusals import RequestError
from tunelab.serving.http.settings import ServeSettings

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("given", ["Bearer correct horse", "bearer  correct horse "])
def test_the_token(given: str) -> None:
    check_token("correct horse", given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer correct hors",
        "Bearer correct horse\xa0",
        "Basic correct horse",
        "correct horse",
        "é",
    ],
)
def test_without_the_token(given: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_token("correct horse", given)
    assert refused.value.status == 401
    assert "correct" not in refused.value.message
    assert refused.value.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**JSON, "content-length": "10"}, None),
        ({"content-type": "Application/JSON; charset=utf-8"}, None),
        ({**JSON, "content-length": "11"}, 413),
        ({**JSON, "content-length": "-1"}, 413),
        ({**JSON, "content-length": "9" * 50}, 413),
        ({**JSON, "content-encoding": "gzip"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({}, 415),
    ],
)
def test_headers_of_a_body(headers: dict[str, str], status: int | None) -> None:
    if status is None:
        check_size(headers, 10)
        return
    with pytest.raises(RequestError) as refused:
        check_size(headers, 10)
    assert refused.value.status == status


def _receive(parts: list[bytes], *, whole: bool = True) -> Any:
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            if whole:
                return {"type": "http.disconnect"}
            await asyncio.sleep(60)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or not whole}

    return receive


def test_a_body_in_parts() -> None:
    assert asyncio.run(read_whole(_receive([b"ab", b"", b"c"]), 3, 1)) == b"abc"


@pytest.mark.parametrize(
    ("receive", "status"),
    [(_receive([b"abc", b"d"]), 413), (_receive([b"a"], whole=False), 408), (_receive([]), 400)],
)
def test_a_body_that_is_too_long_too_slow_or_ends(receive: Any, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        asyncio.run(read_whole(receive, 3, 0.05))
    assert refused.value.status == status


def _ask(
    app: Any, *, traffic: Traffic, path: str = "/v1/x", **headers: str
) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
    """What a guarded app sends to one request, and the lines of the log."""
    sent: list[dict[str, Any]] = []
    lines: list[Mapping[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    guard = guarded(
        app,
        settings=ServeSettings(queue=2),
        paths=frozenset({"/v1/x"}),
        traffic=traffic,
        metrics=Metrics({}),
        advised_wait=lambda: 7,
        log=lambda _, values: lines.append(values),
    )
    given = {"host": "localhost:1", **JSON, **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(key.replace("_", "-").encode(), one.encode()) for key, one in given.items()],
    }

    async def ask() -> None:
        await guard(scope, _receive([b"{}"]), send)

    asyncio.run(ask())
    return sent, lines


async def _answering(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive())["body"] == b"{}"
    scope["facts"]["texts"] = 1
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def _failing(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("the text of somebody")


def test_an_answer_has_a_request_id_and_a_line() -> None:
    sent, lines = _ask(_answering, traffic=Traffic(), x_request_id="mine-1")
    assert dict(sent[0]["headers"])[b"x-request-id"] == b"mine-1"
    assert lines[0]["request_id"] == "mine-1"
    assert (lines[0]["status"], lines[0]["texts"], lines[0]["path"]) == (200, 1, "/v1/x")
    _, lines = _ask(_answering, traffic=Traffic(), x_request_id="no\tid", path="/secret")
    assert lines[0]["request_id"] != "no\tid"
    assert lines[0]["path"] == "other"


def test_a_full_queue_says_when_to_come_back() -> None:
    traffic = Traffic(in_flight=2)
    sent, _ = _ask(_answering, traffic=traffic)
    assert sent[0]["status"] == 429
    assert dict(sent[0]["headers"])[b"retry-after"] == b"7"
    assert traffic.in_flight == 2
    traffic.in_flight = 1
    assert _ask(_answering, traffic=traffic)[0][0]["status"] == 200
    assert traffic.in_flight == 1


def test_what_fails_tells_nothing_of_the_text() -> None:
    traffic = Traffic()
    sent, lines = _ask(_failing, traffic=traffic)
    assert sent[0]["status"] == 500
    assert "somebody" not in json.dumps(lines[0]) + sent[1]["body"].decode()
    assert lines[0]["error"] == "ValueError"
    assert traffic.in_flight == 0


def test_a_stopping_service_closes_its_connections() -> None:
    sent, _ = _ask(_answering, traffic=Traffic(stopping=True))
    assert dict(sent[0]["headers"])[b"connection"] == b"close"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)],
)
def test_other_names_and_other_sites(headers: dict[str, str], status: int) -> None:
    assert _ask(_answering, traffic=Traffic(), **headers)[0][0]["status"] == status


def test_a_refusal_to_somebody_who_is_gone() -> None:
    async def send(_: Any) -> None:
        raise BrokenPipeError

    asyncio.run(refuse(send, RequestError(400, "no.")))
