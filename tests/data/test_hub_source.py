"""Data on the Hub, from a small Hub on loopback: downloaded, named, cached, and out of reach."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from loopback import run_against, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
license: cc-by-4.0
configs:
- config_name: split
  default: true
  data_files:
  - {split: train, path: train.jsonl}
  - {split: validation, path: val.jsonl}
- config_name: other
  data_files:
  - {split: dev, path: val.jsonl}
dataset_info:
- config_name: split
  features:
  - {name: text, dtype: string}
  - name: label
    dtype:
      class_label:
        names: {'0': sadness, '1': joy, '2': anger}
- config_name: other
  features:
  - {name: text, dtype: string}
  - name: label
    dtype:
      class_label:
        names: {'0': sadness, '1': joy, '2': anger}
---
"""
FILES = {
    "README.md": CARD,
    "train.jsonl": '{"text": "one", "label": 1}\n{"text": "two", "label": 0}\n',
    "val.jsonl": '{"text": "three", "label": 2}\n',
}


class _Hub(BaseHTTPRequestHandler):
    """One data set, owner/name, with what the client asks for it."""

    def _answer(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        entries = [
            {"type": "file", "path": name, "size": len(text), "oid": f"{len(text):040d}"}
            for name, text in FILES.items()
        ]
        base = "/api/datasets/owner/name"
        name = path.rsplit("/", 1)[-1]
        body: Any
        if path == base or path.startswith(f"{base}/revision"):
            siblings = [{"rfilename": name} for name in FILES]
            body = {"id": "owner/name", "sha": COMMIT, "siblings": siblings, "tags": []}
        elif path.startswith((f"{base}/tree", f"{base}/paths-info")):
            body = entries
        elif path.startswith("/datasets/owner/name/resolve") and name in FILES:
            text = FILES[name].encode()
            etag = {"ETag": f'"{len(text):040d}"', "X-Repo-Commit": COMMIT}
            self._answer(text, etag)
            return
        else:
            self._answer(b"", {"X-Error-Code": "EntryNotFound"}, 404)
            return
        self._answer(json.dumps(body).encode(), {"Content-Type": "application/json"})

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        entries = [
            {"type": "file", "path": name, "size": len(text), "oid": f"{len(text):040d}"}
            for name, text in FILES.items()
            if name in unquote(asked)
        ]
        self._answer(json.dumps(entries).encode(), {"Content-Type": "application/json"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """The server stays silent."""


@pytest.fixture
def hub() -> Iterator[str]:
    with serving(_Hub) as address:
        yield address


def _load(
    location: str, cache: Path, *, endpoint: str = "", offline: str = "0", label: str = "label"
) -> str:
    """What a process of its own prints: the rows as JSON, or the error and its exit code."""
    script = f"""
import json
from tunelab.data.sources import open_source
from tunelab.errors import TunelabError
try:
    data = open_source({location!r}, text="text", label={label!r})
    rows = {{split: [(row.text, row.label) for row in rows] for split, rows in data.splits.items()}}
    print(json.dumps([rows, list(data.labels), data.origin]))
except TunelabError as error:
    print(error.exit_code, error)
"""
    done = run_against(endpoint, script, cache, offline=offline, token="hf_secret_of_the_test")
    assert "hf_secret" not in done.stdout + done.stderr
    assert done.stdout, done.stderr[-3000:]
    return done.stdout


def test_download_and_then_the_cache(hub: str, tmp_path: Path) -> None:
    rows, labels, origin = json.loads(_load("owner/name", tmp_path, endpoint=hub))
    assert rows["train"] == [["one", "joy"], ["two", "sadness"]]
    assert rows["validation"] == [["three", "anger"]]
    assert labels == ["sadness", "joy", "anger"]
    assert origin == "owner/name"
    told = _load("owner/name:other", tmp_path, endpoint=hub)
    assert told.startswith("2 owner/name has no split called train; it has dev")
    told = _load("owner/name:nothing", tmp_path, endpoint=hub)
    assert told.startswith("2 ")
    assert "'nothing'" in told
    told = _load("owner/name", tmp_path, endpoint=hub, label="labl")
    assert told.startswith("2 owner/name, validation: unknown column 'labl': did you mean label?")
    # The same rows come from the cache when the Hub may not, or cannot, be asked.
    again = json.loads(_load("owner/name:split", tmp_path, endpoint=hub, offline="1"))
    assert again[0] == rows
    closed = "http://127.0.0.1:9"
    again = json.loads(_load("owner/name:split", tmp_path, endpoint=closed))
    assert again[0] == rows


@pytest.mark.parametrize(
    ("offline", "message"),
    [("1", "HF_HUB_OFFLINE is set"), ("0", "cannot reach the Hugging Face Hub")],
)
def test_out_of_reach(tmp_path: Path, offline: str, message: str) -> None:
    start = time.monotonic()
    told = _load("owner/name", tmp_path, endpoint="http://127.0.0.1:9", offline=offline)
    assert told.startswith("1 ")
    assert message in told
    assert time.monotonic() - start < 15


def test_a_name_that_cannot_be(tmp_path: Path) -> None:
    told = _load("owner/na me", tmp_path, endpoint="http://127.0.0.1:9")
    assert told.startswith("2 'owner/na me' cannot be a data set on the Hub")
