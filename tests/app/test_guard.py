"""The guard before the pages: names, origins, doors, sizes and the password."""

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunelab.app.guard import check_request, guarded, knows
from tunelab.app.server import check_settings
from tunelab.app.settings import AppSettings
from tunelab.cli.app import read_password
from tunelab.cli.main import main
from tunelab.errors import UsageError

HOSTS = frozenset({"127.0.0.1", "localhost"})
HOME = {"host": "127.0.0.1:7860"}


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"any:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", HOME, None),
        ("GET", "/fine-tune", HOME, None),
        ("GET", "/report/mine", HOME, None),
        ("GET", "/gradio_api/file=/tmp/x.csv", HOME, None),
        ("POST", "/gradio_api/queue/join", {**HOME, "origin": "http://127.0.0.1:7860"}, None),
        ("GET", "/", {"host": "evil.example"}, 421),
        ("GET", "/", {}, 421),
        ("POST", "/gradio_api/queue/join", {**HOME, "origin": "http://evil.example"}, 403),
        ("POST", "/gradio_api/queue/join", {**HOME, "origin": "null"}, 403),
        ("POST", "/gradio_api/run/predict", HOME, 404),
        ("POST", "/gradio_api/vibe-edit", HOME, 404),
        ("GET", "/gradio_api/proxy=http://evil.example/", HOME, 404),
        ("GET", "/gradio_api/file=http://evil.example/", HOME, 404),
        ("GET", "/monitoring", HOME, 404),
        ("PUT", "/", HOME, 404),
        ("POST", "/gradio_api/upload", {**HOME, "content-length": "1001"}, 413),
        ("POST", "/gradio_api/upload", {**HOME, "content-length": "-1"}, 413),
    ],
)
def test_doors(method: str, path: str, headers: dict[str, str], status: int | None) -> None:
    found = check_request(method, path, headers, HOSTS, 1000)
    assert (found[0] if found else None) == status


def test_any_name_where_others_are_let_in() -> None:
    assert check_request("GET", "/", {"host": "lab.example"}, None, 1000) is None


def test_the_password() -> None:
    assert knows("correct horse", _basic("correct horse"))
    for wrong in ("", "Basic", "Basic %%%", "Bearer x", _basic(""), _basic("correct hors")):
        assert not knows("correct horse", wrong)


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the whole body and says how long it was."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def _ask(
    headers: dict[str, str], bodies: Sequence[bytes] = (b"",), password: str | None = None
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": body, "more_body": position < len(bodies) - 1}
        for position, body in enumerate(bodies)
    ]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/gradio_api/upload",
        "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
    }
    app = guarded(_inner, hosts=HOSTS, password=password, max_body=10)

    async def call() -> None:
        await app(scope, receive, send)

    asyncio.run(call())
    return sent


def test_a_body_without_a_length_is_bounded_too() -> None:
    assert _ask(HOME, [b"12345", b"12345"])[1]["body"] == b"10"
    assert _ask(HOME, [b"12345", b"12345", b"1"]) == []


def test_headers_and_refusals() -> None:
    headers = dict(_ask(HOME)[0]["headers"])
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"
    refused = _ask(HOME, password="a long password")
    assert refused[0]["status"] == 401
    assert b"Basic" in dict(refused[0]["headers"])[b"www-authenticate"]
    let_in = _ask({**HOME, "authorization": _basic("a long password")}, password="a long password")
    assert let_in[0]["status"] == 200


def test_other_machines_take_a_password(tmp_path: Path) -> None:
    def settings(**values: Any) -> AppSettings:
        return AppSettings(runs=tmp_path, scratch=tmp_path, **values)

    check_settings(settings())
    check_settings(settings(host="0.0.0.0", password="a long password"))
    with pytest.raises(UsageError, match="needs a password"):
        check_settings(settings(host="0.0.0.0"))
    assert "a long" not in repr(settings(password="a long password"))


def test_where_the_password_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\nnot this\n")
    monkeypatch.setenv("TUNELAB_APP_PASSWORD", "from the environment")
    assert read_password(file) == "from the file"
    # It is taken out, so that no process that the app starts inherits it.
    assert read_password(None) is None
    monkeypatch.setenv("TUNELAB_APP_PASSWORD", "from the environment")
    assert read_password(None) == "from the environment"
    assert read_password(None) is None
    file.write_text("short")
    with pytest.raises(UsageError, match="8 characters"):
        read_password(file)
    with pytest.raises(UsageError, match="cannot read"):
        read_password(tmp_path / "none")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "needs a password"),
        (["--port", "70000"], "--port must be"),
        (["--max-upload", "0"], "--max-upload must be"),
        (["--model", "smollm2-135m-instrct"], "did you mean smollm2-135m-instruct"),
        (["--password-file", "none"], "cannot read the password file"),
        (["--host", "192.0.2.1"], "cannot listen"),
    ],
)
def test_wrong_calls(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("gradio")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNELAB_APP_PASSWORD", raising=False)
    assert main(["app", *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "gradio" else found(name)
    )
    assert main(["app"]) == 2
    assert 'pip install "tunelab[app]"' in capsys.readouterr().err
