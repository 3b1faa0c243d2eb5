"""No secret is written: not into runs, caches, logs, errors, records, reports or cards."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import Workspace
from loopback import Answering, serving

# Planted where a secret can be: none of these may be found in what is written.
TOKEN = "hf_PLANTEDtokenPLANTEDtokenPLANTED0"
KEY = "sk-planted-key-of-an-endpoint-0"
PASSWORD = "planted-password-of-the-app-0"
IN_ADDRESS = "planted-password-in-an-address-0"
SERVE_TOKEN = "planted-token-of-the-service-0"
SECRETS = (TOKEN, KEY, PASSWORD, IN_ADDRESS, SERVE_TOKEN)
ENVIRONMENT = {
    "HF_TOKEN": TOKEN,
    "TUNELAB_API_KEY": KEY,
    "TUNELAB_APP_PASSWORD": PASSWORD,
    "TUNELAB_SERVE_TOKEN": SERVE_TOKEN,
    "HTTP_PROXY": "",
    "HTTPS_PROXY": "",
}


# Each call as the command line makes it with --debug: an error shows its trace.
SCRIPT = """
import json, sys, traceback
from tunelab.cli.main import main
codes = []
for words in json.loads(sys.argv[1]):
    try:
        codes.append(main([*words, "--debug"]))
    except Exception as error:
        traceback.print_exc()
        codes.append(getattr(error, "exit_code", 1))
print("codes", json.dumps(codes))
"""


def _run(folder: Path, calls: Sequence[Sequence[str]]) -> list[int]:
    """The exit codes of calls in one process; what it says is kept in said.txt."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(calls)],
        cwd=folder,
        env={
            **os.environ,
            **ENVIRONMENT,
            "PYTHONPATH": ":".join(path for path in sys.path if path),
            "HF_HOME": str(folder / "hub"),
            "HF_HUB_OFFLINE": "1",
            "TUNELAB_CACHE": str(folder / "cache"),
            "TMPDIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    with (folder / "said.txt").open("a", encoding="utf-8") as file:
        file.write(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr[-2000:]
    codes: list[int] = json.loads(done.stdout.rpartition("codes ")[2])
    return codes


class Repeating(Answering):
    """An endpoint that repeats the key in what it refuses with, before anything else it says."""

    def do_POST(self) -> None:  # noqa: N802
        if type(self).left > 0:
            super().do_POST()
            return
        said = json.dumps({"error": {"message": f"no {self.headers['authorization']}"}}).encode()
        self.send_response(401)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.fixture(scope="module")
def finished(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that asks an endpoint too, and calls that fail, each with the trace of its error."""
    folder = tmp_path_factory.mktemp("secrets")
    with serving(Repeating) as address:
        Repeating.left = 1
        words = [
            *("run", str(workspace.study), "training.epochs=1", "evaluation.resamples=100"),
            *("training.tracking=[tensorboard]", "--out", str(folder / "run")),
            f"generation={{prompts: [one], temperatures: [0.0], models: ['{address}/v1#m'], "
            "max_new_tokens: 4}",
        ]
        secret = f"http://me:{IN_ADDRESS}@127.0.0.1:1/v1#m"
        good = [words, ["doctor"], ["report", str(folder / "run")]]
        failing = [
            # The endpoint refuses by then, with a body that repeats what it was sent.
            [*words[:-1], words[-1].replace("one", "two")],
            ["run", str(workspace.study), f"generation={{models: ['{secret}']}}", "--out", "other"],
            ["generate", "hello", "--model", secret],
            ["chat", "--model", "owner/none"],
            ["prepare", "starter", "data.source=owner/none", "--out", "another"],
            ["export", "--adapter", "run/adapters/lora", "--out", "exported", "--push", "owner/a"],
            ["app", "--port", "99999", "--runs", str(folder)],
            ["serve", "nowhere"],
        ]
        codes = _run(folder, [*good, *failing])
        assert codes[: len(good)] == [0] * len(good), codes
        assert all(codes[len(good) :]), codes
    return folder


def test_no_byte_that_was_written_holds_a_secret(finished: Path) -> None:
    files = [path for path in finished.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"said.txt", "result.json", "report.html", "environment.json", "README.md"} <= names
    assert any(name.startswith("events.out") for name in names)
    for path in files:
        content = path.read_bytes()
        for secret in SECRETS:
            for written in (secret, secret[::-1]):
                assert written.encode() not in content, path.relative_to(finished)
                assert written.encode("utf-16-le") not in content, path.relative_to(finished)


def test_the_search_finds_what_is_there(finished: Path) -> None:
    said = (finished / "said.txt").read_text()
    assert "may hold no user, password or query" in said
    assert "Traceback" in said
    assert "no Bearer (the key)" in said


def test_a_secret_is_not_shown_by_what_holds_it() -> None:
    from tunelab.app.settings import AppSettings
    from tunelab.generation.endpoint.model import EndpointModel
    from tunelab.serving.http.settings import ServeSettings

    shown = repr(EndpointModel("http://h", "m", KEY)) + repr(ServeSettings(token=SERVE_TOKEN))
    shown += repr(AppSettings(runs=Path("a"), scratch=Path("b"), models=(), password=PASSWORD))
    assert not any(secret in shown for secret in SECRETS)
