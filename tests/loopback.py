"""Servers on loopback, and a process of its own that asks a Hub there."""

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], certificate: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Serve on a free port of loopback; give the address.

    With a ``certificate`` and its key it speaks TLS, as https://localhost.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    address = f"http://127.0.0.1:{server.server_port}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        address = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield address
    server.shutdown()
    server.server_close()
    thread.join()


def run_against(
    endpoint: str, script: str, home: Path, *, offline: str = "0", token: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process, since the Hub's client reads its address at import."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": offline,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": ":".join(path for path in sys.path if path),
            **({"HF_TOKEN": token} if token else {}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Answering(BaseHTTPRequestHandler):
    """A model behind an endpoint: it answers ``left`` requests and refuses the others.

    Each answer says which request it was; ``asked`` holds what was asked.
    """

    left: ClassVar[int] = 0
    asked: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if type(self).left <= 0:
            self.send_response(500)
            self.send_header("retry-after", "0.01")
            self.end_headers()
            self.wfile.write(b'{"error": {"message": "out of memory"}}')
            return
        type(self).left -= 1
        self.asked.append(body["messages"][-1]["content"])
        choice = {
            "delta": {"content": f"answer {len(self.asked)}: 4"},
            "finish_reason": "stop",
        }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")

    def log_message(self, *_: Any) -> None:
        pass
