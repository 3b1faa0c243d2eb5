"""Endpoints: a server on loopback that answers with what a stranger's could."""

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

from hostile.cases import Case, harmless, refused
from loopback import serving
from tunelab.generation.endpoint.model import is_endpoint, open_endpoint
from tunelab.generation.endpoint.request import Timeouts
from tunelab.generation.settings import GenerationSettings
from tunelab.models.catalog import find

_QUICK = Timeouts(connect=2, silence=2, whole=15, attempts=1, pause=0.01)
_ASK = [[{"role": "user", "content": "hello"}]]
_GOOD = {"choices": [{"message": {"content": "one"}, "finish_reason": "stop"}]}


class _Stranger(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200
    headers_sent: ClassVar[dict[str, str]] = {}
    pieces: ClassVar[list[bytes]] = []
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(self.status)
            for name, value in self.headers_sent.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in self.pieces:
                self.wfile.write(piece)
        self.close_connection = True

    def do_GET(self) -> None:
        self.asked.append(f"GET {self.path}")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def _answers(
    *pieces: bytes, status: int = 200, **headers: str
) -> Callable[[Path], tuple[str, list[str]]]:
    def give(_: Path) -> tuple[str, list[str]]:
        _Stranger.status, _Stranger.pieces, _Stranger.asked = status, list(pieces), []
        with serving(_Stranger) as address:
            _Stranger.headers_sent = {
                name.replace("_", "-"): value.replace("HERE", address)
                for name, value in headers.items()
            }
            model = open_endpoint(f"{address}/v1#m", _QUICK)
            [[answer]] = model.answer(_ASK, GenerationSettings())
        return answer.text, list(_Stranger.asked)

    return give


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _named(name: str) -> Callable[[Path], Any]:
    return lambda _: open_endpoint(name)


def _redirected(location: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        try:
            return _answers(status=302, location=location)(folder)
        finally:
            assert _Stranger.asked == ["/v1/chat/completions"]

    return give


_BOMB = gzip.compress(b"data: " + b"a" * 30_000_000)
_SOMETHING_ELSE = "sends something else than answers"
_SECRET = "may hold no user, password or query(?!.*hunter2)"

CASES: list[Case] = [
    harmless("an answer", lambda found: found[0] == "one", _answers(_json(_GOOD))),
    refused("a redirection to another place", "with status 302", _redirected("HERE/secret")),
    refused("a redirection to a file", "with status 302", _redirected("file:///etc/passwd")),
    refused(
        "a redirection to the machine's own data",
        "with status 302",
        _redirected("http://169.254.169.254/latest"),
    ),
    refused(
        "a reply that is compressed",
        "compresses its replies",
        _answers(_BOMB, content_encoding="gzip"),
    ),
    refused(
        "a reply compressed in an unknown way",
        "compresses its replies",
        _answers(b"x", content_encoding="br"),
    ),
    refused(
        "a refusal that is compressed",
        "compresses its replies",
        _answers(_BOMB, status=400, content_encoding="gzip"),
    ),
    refused(
        "a reply that never ends", "more than an answer can be", _answers(*[b"a" * 1_000_000] * 12)
    ),
    refused(
        "an event that never ends",
        "more than an answer can be",
        _answers(b"data: ", *[b"a" * 1_000_000] * 12),
    ),
    refused(
        "a refusal of 12 MB", "refuses the request", _answers(*[b"a" * 1_000_000] * 12, status=400)
    ),
    refused("deep JSON", _SOMETHING_ELSE, _answers(b"data: " + b"[" * 100_000 + b"\n\n")),
    refused("JSON that is no object", _SOMETHING_ELSE, _answers(b"data: [1]\n\n")),
    refused("HTML", _SOMETHING_ELSE, _answers(b"<script>alert(1)</script>")),
    refused("choices that are a number", _SOMETHING_ELSE, _answers(_json({"choices": 7}))),
    refused(
        "a text that is a list", _SOMETHING_ELSE, _answers(_json({"choices": [{"text": ["x"]}]}))
    ),
    refused(
        "endless counts",
        _SOMETHING_ELSE,
        _answers(b'{"choices": [], "usage": {"prompt_tokens": 1e999}}'),
    ),
    refused(
        "a number of 10,000 digits",
        _SOMETHING_ELSE,
        _answers(b'{"choices": ' + b"9" * 10_000 + b"}"),
    ),
    refused(
        "an error with an escape",
        r"it failed: .*out",
        _answers(_json({"error": {"message": "\x1b[2Jout\nof"}})),
    ),
    refused("an error that is deep", "refuses the request", _answers(b"[" * 100_000, status=400)),
    refused("a wait of years", "asks to wait", _answers(b"{}", status=503, retry_after="9" * 30)),
    refused(
        "a wait that is no time", "status 503", _answers(b"{}", status=503, retry_after="\xb2")
    ),
    refused("nothing", "closed the connection early", _answers()),
    refused("bytes of no text", _SOMETHING_ELSE, _answers(b"\xff\xfe\x00\x01")),
    refused("an address with a password", _SECRET, _named("http://me:hunter2@h/v1#m")),
    refused("an address with a user", _SECRET, _named("https://hunter2@h/v1#m")),
    refused("an address with a key", _SECRET, _named("http://h/v1?api_key=hunter2#m")),
    refused("an address that is none, with a password", _SECRET, _named("http://me:hunter2@#m")),
    refused("an address without a host", "must be an address", _named("http://#m")),
    refused("an address without a model", "must be an address", _named("http://h/v1")),
    refused("a port that is none", "must be an address", _named("http://h:99999/v1#m")),
    refused("an escape in the name", "must be an address", _named("http://h/v1#m\x1b[2J")),
    refused(
        "a line end in the name",
        "must be an address|no address",
        _named("http://h/v1#m\r\nHost: x"),
    ),
    harmless(
        "a file is no endpoint",
        lambda is_one: not is_one,
        lambda _: is_endpoint("file:///etc/passwd#m"),
    ),
    harmless(
        "another scheme is no endpoint",
        lambda is_one: not is_one,
        lambda _: is_endpoint("gopher://h#m"),
    ),
    refused("a file as a model", "unknown model|no model", lambda _: find("file:///etc/passwd#m")),
]
