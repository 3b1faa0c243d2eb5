"""Models in folders, and `tunelab serve` over them in a thread of the test's own process."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from conftest import TEXTS, write_adapter, write_model
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.cli.listening import free_port
from tunelab.data.examples import Example
from tunelab.serving.http.app import Service
from tunelab.serving.http.served import Served, open_served
from tunelab.serving.http.server import make_server
from tunelab.serving.http.settings import ServeSettings

ROWS = [
    Example(f"{text} {number}", label)
    for number in range(4)
    for label, texts in TEXTS.items()
    for text in texts
]


def write_classical(folder: Path, use: str) -> Path:
    """A fitted classical classifier in a folder of its name."""
    task = Task(ROWS, [], tuple(sorted(TEXTS)), seed=1)
    # The strength is given, as choosing it takes seconds.
    made = find_classifier(use).make({"C": 10.0}, Context("cpu", "float32"))
    made.fit(task, folder=folder / "stage", target=folder / use, title="")
    return folder / use


def write_language_models(folder: Path) -> dict[str, Path]:
    """A tiny random model, and two adapters on it."""
    model = write_model(folder / "tiny")
    return {
        "tiny": model,
        "lora": write_adapter(model, folder / "lora"),
        "dora": write_adapter(model, folder / "dora", "dora"),
    }


@dataclass
class Running:
    """A service that listens; ``client`` asks it, ``lines`` are those of its log."""

    address: str
    service: Service
    client: httpx.Client
    lines: list[Mapping[str, Any]]

    def classify(self, **body: Any) -> httpx.Response:
        return self.client.post("/v1/classify", json=body)

    def send(self, head: str, body: bytes = b"", *, seconds: float = 10) -> tuple[int, Any]:
        """Bytes as they are; the status and the JSON of the answer."""
        host, port = self.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=seconds) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
            return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and the JSON of an answer that ends with its connection, or has a length."""
    content = b""
    while b"\r\n\r\n" not in content:
        part = connection.recv(65536)
        assert part, content
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
    while len(body) < length:
        part = connection.recv(65536)
        assert part, body
        body += part
    return int(lines[0].split()[1]), json.loads(body)


@contextmanager
def serving(
    classifiers: Sequence[Path | str], models: Sequence[Path | str] = (), **settings: Any
) -> Iterator[Running]:
    """Serve on a free port of loopback."""
    opened = open_served([*map(str, classifiers)], [*map(str, models)], device="cpu")
    with listening(opened, **settings) as running:
        yield running


@contextmanager
def listening(opened: Mapping[str, Served], **settings: Any) -> Iterator[Running]:
    """Serve what was opened."""
    lines: list[Mapping[str, Any]] = []
    chosen = ServeSettings(**{"port": free_port("127.0.0.1", 0), **settings})
    service = Service(opened, chosen, log=lambda _, values: lines.append(values))
    server = make_server(service)
    thread = threading.Thread(target=server.listen, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    address = f"http://127.0.0.1:{service.settings.port}"
    token = service.settings.token
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        yield Running(address, service, client, lines)
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
    service.models.stop(5)
