"""A download from the Hub's protocol, served on loopback: safe files only, and only once."""

import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from conftest import write_model
from loopback import run_against, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Hub:
    """A server that holds one model, and the paths that were asked of it."""

    url: str
    asked: list[str]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = write_model(tmp_path / "served")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_custom.py").write_text("raise SystemExit")
    # What an encoder says of its pooling, and the same model in other forms.
    (folder / "modules.json").write_text('[{"type": "m.Pooling", "path": "1_Pooling"}]')
    for name in ("1_Pooling", "onnx", "1_other", "original"):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text("{}")
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            name = path.partition(f"/{COMMIT}/")[2]
            if "/resolve/" in path:
                self._send(files[name], {"ETag": f'"{_digest(files[name])}"'})
            elif "/tree/" in path:
                entries = [
                    {"type": "file", "path": key, "size": len(value), "oid": _digest(value)}
                    for key, value in files.items()
                ]
                self._send(json.dumps(entries).encode(), {})
            else:
                info = {"id": "owner/tiny", "sha": COMMIT, "siblings": []}
                self._send(json.dumps(info).encode(), {})

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for key, value in {"X-Repo-Commit": COMMIT, **headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The server stays silent."""

    with serving(Handler) as address:
        yield Hub(address, asked)


def test_downloaded_once_and_then_used_without_the_network(hub: Hub, tmp_path: Path) -> None:
    first = _fetch("owner/tiny", hub.url, tmp_path / "home")
    folder = Path(first.stdout.strip())
    assert folder.name == COMMIT, first.stderr[-2000:]
    assert first.stderr.count("is used under") == 1
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "1_Pooling"} <= names
    assert not {"onnx", "1_other", "original"} & names
    assert [path.name for path in (folder / "1_Pooling").iterdir()] == ["config.json"]
    assert not [name for name in hub.asked if name.endswith((".bin", ".py"))]

    count = len(hub.asked)
    for offline in ("0", "1"):
        again = _fetch("owner/tiny", hub.url, tmp_path / "home", offline=offline)
        assert again.stdout == first.stdout
        assert "is used under" not in again.stderr
    assert len(hub.asked) == count


def test_a_snapshot_with_a_missing_part_is_completed(hub: Hub, tmp_path: Path) -> None:
    folder = Path(_fetch("owner/tiny", hub.url, tmp_path / "home").stdout.strip())
    for name in ("model.safetensors", "1_Pooling/config.json"):
        (folder / name).unlink()
        again = _fetch("owner/tiny", hub.url, tmp_path / "home")
        assert Path(again.stdout.strip()) == folder, again.stderr[-2000:]
        assert (folder / name).is_file()


@pytest.mark.parametrize(
    ("name", "offline", "message"),
    [
        ("owner/tiny", "0", "1 cannot reach the Hugging Face Hub"),
        ("owner/tiny", "1", "1 the model owner/tiny is not in the local cache"),
        ("owner/-a--b", "0", "2 'owner/-a--b' cannot be a model on the Hub"),
    ],
)
def test_without_a_network(name: str, offline: str, message: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = _fetch(name, closed, tmp_path, offline=offline)
    assert done.stdout.startswith(message), done.stderr[-2000:]
    assert "is used under" not in done.stderr


def _digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _fetch(
    name: str, url: str, home: Path, *, offline: str = "0"
) -> subprocess.CompletedProcess[str]:
    script = (
        "from tunelab.errors import TunelabError\n"
        "from tunelab.models.catalog import find\n"
        "from tunelab.models.loading import fetch\n"
        f"try:\n    print(fetch(find({name!r})))\n"
        "except TunelabError as error:\n    print(error.exit_code, error)\n"
    )
    return run_against(url, script, home, offline=offline)
