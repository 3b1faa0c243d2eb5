"""The Hub's refusals, from a real server on loopback: one sentence each, never a token."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from loopback import run_against, serving

ANSWERS = {
    "gated": (403, "GatedRepo"),
    "missing": (404, "RepoNotFound"),
    "token": (401, "RepoNotFound"),
    "broken": (500, ""),
}
TOKEN = "hf_secret_of_the_test"


class _Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, code = ANSWERS[next((key for key in ANSWERS if key in self.path), "missing")]
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "refused")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """The server stays silent."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with serving(_Hub) as address:
        yield address


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("gated", "", "accept its licence at https://huggingface.co/owner/gated"),
        ("gated", TOKEN, "is gated"),
        ("missing", "", "the Hub has no model owner/missing"),
        ("token", TOKEN, "refuses the token"),
        ("token", "", "set HF_TOKEN"),
        ("broken", "", "cannot reach the Hugging Face Hub"),
    ],
)
@pytest.mark.parametrize("kind", ["model", "data"])
def test_refusals(hub: str, name: str, token: str, message: str, kind: str, tmp_path: Path) -> None:
    code = {
        "model": "from tunelab.models.loading import model_hash; model_hash('owner/{}')",
        "data": (
            "from tunelab.data.sources import open_source;"
            "open_source('owner/{}', text='text', label='label')"
        ),
    }[kind].format(name)
    script = (
        "from tunelab.errors import TunelabError\n"
        f"try:\n    {code}\nexcept TunelabError as error:\n    print(error, error.exit_code)\n"
    )
    done = run_against(hub, script, tmp_path, token=token)
    told = done.stdout
    expected = message if kind == "model" else message.replace("model owner", "data set owner")
    expected = expected if kind == "model" else expected.replace(".co/owner", ".co/datasets/owner")
    assert expected in told, done.stderr[-2000:]
    assert told.strip().endswith("1")
    assert TOKEN not in told + done.stderr
