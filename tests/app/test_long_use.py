"""Two thousand requests by sixteen users: none lost, none mixed up, no memory that stays."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from conftest import Workspace
from served_app import served
from tunelab.app.names import classifier_names

pytest.importorskip("gradio")
pytestmark = pytest.mark.scale
# Requests of each user: two thousand in all, the first two hundred of them to warm up.
USERS, REQUESTS, WARM = 16, 125, 13
TEXTS = [f"{words} {n}" for n in range(5) for words in ("i am glad", "so sad", "how odd", "ugh!")]
# What the allocator and the interpreter may keep: a hundredth of what the process holds.
KEPT = 6_000_000


@dataclass(frozen=True)
class Page:
    """The doors of Classify: its address, and the numbers of its functions.

    ``enter`` is what a browser calls when the page is opened.
    """

    address: str
    enter: int
    classify: int
    adapter: str


class User:
    """A window of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session = uuid4().hex
        self.client = httpx.Client(timeout=120)
        status, _ = self._call(page.enter, [])
        assert status == 200

    def close(self) -> None:
        """Leave the page."""
        self.client.close()

    def ask(self, text: str) -> tuple[int, str]:
        """The status of a request, and the answer's markup or what it was refused with."""
        status, found = self._call(self.page.classify, [text, [self.page.adapter], False])
        if status != 200:
            return status, found
        error, *_, answer = found
        assert error == "", error
        return status, answer

    def _call(self, function: int, data: list[Any]) -> tuple[int, Any]:
        body = {"data": data, "fn_index": function, "session_hash": self.session}
        doors = f"{self.page.address}/gradio_api/queue"
        joined = self.client.post(f"{doors}/join", json=body)
        if joined.status_code != 200:
            return joined.status_code, joined.json()["detail"]
        stream = f"{doors}/data?session_hash={self.session}"
        with self.client.stream("GET", stream) as lines:
            for line in lines.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line else {}
                if message.get("msg") == "process_completed":
                    assert message["success"], message
                    return 200, message["output"]["data"]
        raise AssertionError("the stream ended without an answer")


@contextmanager
def visitors(page: Page, number: int) -> Iterator[list[User]]:
    """So many windows."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(User(page))) for _ in range(number)]


@pytest.fixture(scope="module")
def page(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    runs = tmp_path_factory.mktemp("served") / "runs"
    command = workspace.fresh_command("train", str(workspace.study), "--out", str(runs / "one"))
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    with served(runs) as address:
        yield _page(address, runs)


def _page(address: str, runs: Path) -> Page:
    config = httpx.get(f"{address}/config", timeout=60).raise_for_status().json()
    (position,) = (
        component["id"]
        for component in config["components"]
        if component["props"].get("elem_id") == "labels"
    )
    (classify,) = (one for one in config["dependencies"] if position in one["outputs"])
    adapters = classify["inputs"][1]
    (enter,) = (one for one in config["dependencies"] if one["outputs"] == [adapters])
    return Page(address, enter["id"], classify["id"], classifier_names(runs)[0])


def _resident(page: Page) -> int:
    port = page.address.rpartition(":")[2]
    (server,) = (child for child in psutil.Process().children() if port in child.cmdline())
    return int(server.memory_info().rss)


def test_two_thousand_requests(page: Page) -> None:
    answers: dict[str, list[str]] = defaultdict(list)

    def ask(number: int, requests: range) -> None:
        for position in requests:
            text = TEXTS[(number + position) % len(TEXTS)]
            status, answer = users[number].ask(text)
            assert status == 200, answer
            answers[text].append(answer)

    with visitors(page, USERS) as users, ThreadPoolExecutor(USERS) as pool:
        list(pool.map(ask, range(USERS), repeat(range(WARM))))
        before = _resident(page)
        list(pool.map(ask, range(USERS), repeat(range(WARM, REQUESTS))))
        grown = _resident(page) - before
    print(f"{before / 1e6:.0f} MB after {WARM * USERS} requests, then {grown / 1e6:+.1f} MB")
    assert sum(map(len, answers.values())) == REQUESTS * USERS
    # The same text has one answer, and different ones have different answers.
    assert all(len(set(found)) == 1 for found in answers.values())
    assert len({found[0] for found in answers.values()}) == len(TEXTS)
    assert grown <= KEPT


def test_a_full_queue_refuses_clearly(page: Page) -> None:
    long = " ".join(TEXTS)
    with visitors(page, 4 * USERS) as users:
        with ThreadPoolExecutor(len(users)) as pool:
            found = list(pool.map(lambda user: user.ask(long), users))
        assert {status for status, _ in found} == {200, 503}
        assert all("Queue is full" in words for status, words in found if status == 503)
        # Whoever was let in got an answer, and the next one is let in again.
        assert users[0].ask(TEXTS[0])[0] == 200
