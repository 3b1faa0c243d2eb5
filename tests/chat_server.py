"""A chat endpoint on loopback that answers as a test says, and keeps what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from loopback import serving


def reply(content: str | None, *, reason: str = "stop", **more: Any) -> dict[str, Any]:
    """A chat completion with usage; ``more`` stands in its choice."""
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": reason}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    return {"choices": [{"index": 0, **choice, **more}], "usage": usage}


@dataclass
class Chat:
    """What the server does. ``respond`` gives a reply, a status, or the bytes to send.

    ``asked`` are the bodies in their order, ``keys`` the Authorization headers, ``answered`` the
    texts that a whole answer was sent to.
    """

    respond: Callable[[dict[str, Any]], Any]
    address: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: Any = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{self.address}/v1"

    def texts(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.asked]


@contextmanager
def chatting(
    respond: Callable[[dict[str, Any]], Any], certificate: tuple[Path, Path] | None = None
) -> Iterator[Chat]:
    """A server that answers each request with what ``respond`` makes of its body.

    With a ``certificate`` and its key it speaks TLS, as https://localhost.
    """
    chat = Chat(respond)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with chat.lock:
                chat.asked.append(body)
                chat.keys.append(self.headers["authorization"])
                chat.at_once += 1
                chat.most_at_once = max(chat.most_at_once, chat.at_once)
            try:
                said = chat.respond(body)
            finally:
                with chat.lock:
                    chat.at_once -= 1
            self._send(said, body)

        def _send(self, said: Any, body: dict[str, Any]) -> None:
            headers: dict[str, str] = {}
            status, content = 200, b""
            if said == "cut":
                self.send_response(200)
                self.send_header("content-length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.close_connection = True
                return
            if isinstance(said, tuple):
                status, message, headers = said
                content = json.dumps({"error": {"message": message}}).encode()
            else:
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if status == 200:
                with chat.lock:
                    chat.answered.append(body["messages"][-1]["content"])

        def log_message(self, *_: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
                super().handle_one_request()

    with serving(Handler, certificate) as address:
        chat.address = address
        yield chat


def slowly(seconds: float, respond: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    """The same answers after some seconds."""

    def later(body: dict[str, Any]) -> Any:
        time.sleep(seconds)
        return respond(body)

    return later
