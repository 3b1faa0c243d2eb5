"""A service that is told to stop: it finishes what it took, or ends at once when told twice."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from conftest import Workspace
from served_http import write_classical
from tunelab.cli.main import main

TEXT = "we won the game"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classical(tmp_path_factory.mktemp("stopping"), "tfidf-logistic")


@contextmanager
def _process(
    workspace: Workspace, folder: Path, log: Path, *words: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The command in a process of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as file:
        process = subprocess.Popen(
            workspace.command("serve", str(folder), *words),
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TUNELAB_SERVE_PORT": str(port)},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{address}/readyz").raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield process, address
    finally:
        process.kill()
        process.wait(10)


def test_a_stop_under_load_loses_nothing(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    answered: list[int] = []
    lost: list[str] = []
    log = tmp_path / "log"

    def ask(address: str) -> None:
        with httpx.Client(timeout=20, trust_env=False) as client:
            while True:
                try:
                    found = client.post(f"{address}/v1/classify", json={"texts": [TEXT] * 3})
                    answered.append(found.status_code)
                except httpx.ConnectError:
                    # No connection was made, so that nothing was taken.
                    return
                except httpx.TransportError as error:
                    lost.append(repr(error))
                    return

    with _process(workspace, folder, log) as (process, address):
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(8)]
        for one in threads:
            one.start()
        while len(answered) < 60:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        for one in threads:
            one.join(20)
    # A connection that the system has not handed over when the port closes was not taken.
    assert len(lost) <= 1
    assert set(answered) == {200}
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [lines[0]["event"], lines[-1]["event"]] == ["start", "stop"]
    logged = [line for line in lines if line.get("path") == "/v1/classify"]
    assert len(logged) == len(answered)


def test_a_second_signal_stops_at_once(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ("--body-seconds", "30")
    with _process(workspace, folder, log, *words) as (process, address):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            # A request on its way, for which a stop waits.
            connection.sendall(
                b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n"
                b"content-type: application/json\r\n\r\n{"
            )
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 128 + signal.SIGTERM
    assert "stopped at once" in log.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the folder of a classifier"),
        (["nowhere"], "there is no folder"),
        (["{folder}", "{folder}"], "two models are called 'tfidf-logistic'"),
        (["={folder}"], "must be ID=FOLDER"),
        (["{folder}", "--host", "0.0.0.0"], "needs a token"),
        (["{folder}", "--queue", "0"], "--queue must be above 0"),
        (["{folder}", "--port", "99999"], "--port must be from 0 to 65535"),
        (["{folder}", "--token-file", "{folder}/none"], "cannot read the token file"),
        (["--model", "smolm2-135m-instruct"], "did you mean smollm2-135m-instruct"),
    ],
)
def test_wrong_calls_end_in_one_sentence(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *(word.format(folder=folder) for word in words)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_short_token_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_SERVE_TOKEN", "short")
    assert main(["serve", str(folder)]) == 2
    told = capsys.readouterr().err
    assert "8 characters or more" in told
    assert "short" not in told.replace("shorter", "")
