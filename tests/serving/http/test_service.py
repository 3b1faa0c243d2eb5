"""A service over a socket: what it answers, what it refuses, and what it does under load."""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunelab
from conftest import TEXTS
from served_http import Running, listening, read_answer, serving, write_classical
from tunelab.classifiers.contract import Answers
from tunelab.evaluation.predictions import Generated, Given
from tunelab.serving.http.served import open_served
from tunelab.serving.review_rule import ReviewRule

LINES = [f"{text} {number}" for number in range(9) for texts in TEXTS.values() for text in texts]
HEAD = "POST /v1/classify HTTP/1.1\nhost: localhost\ncontent-type: application/json\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("classical")
    return {use: write_classical(folder, use) for use in ("tfidf-logistic", "tfidf-svm")}


@pytest.fixture(scope="module")
def running(folders: dict[str, Path]) -> Iterator[Running]:
    words = [f"words={folders['tfidf-logistic']}", str(folders["tfidf-svm"])]
    with serving(words, body_bytes=5000, texts=20, characters=300, body_seconds=0.6) as found:
        yield found


def test_it_answers_as_the_classifier_does(running: Running, folders: dict[str, Path]) -> None:
    loaded = tunelab.load(folders["tfidf-logistic"])
    answer = running.classify(model="words", texts=LINES[:12]).json()
    expected = loaded.predict_proba(LINES[:12]).tolist()
    assert [one["label"] for one in answer["results"]] == loaded.predict(LINES[:12])
    given = [list(one["probabilities"].values()) for one in answer["results"]]
    assert given == expected
    alone = [running.classify(model="words", text=text).json()["results"][0] for text in LINES[:4]]
    for one, row in zip(alone, expected, strict=False):
        assert list(one["probabilities"].values()) == pytest.approx(row, abs=1e-9)
    assert answer["labels"] == loaded.classes_.tolist()
    assert answer["model"] == "words"
    assert re.fullmatch("[0-9a-f]{64}", answer["classifier_hash"])
    assert answer["prompt_hash"] is answer["threshold"] is None
    assert {one["needs_review"] for one in answer["results"]} == {None}


def test_without_probabilities(running: Running) -> None:
    one = running.classify(model="words", text=LINES[0], probabilities=False).json()["results"][0]
    other = running.classify(model="tfidf-svm", text=LINES[0]).json()["results"][0]
    assert one["probabilities"] is other["probabilities"] is None
    assert one["label"] == other["label"] == "joy"


def test_models_are_listed(running: Running) -> None:
    listed = running.client.get("/v1/models").json()["data"]
    about = {one["id"]: (one["probabilities"], one["chats"]) for one in listed}
    assert about == {"words": (True, False), "tfidf-svm": (False, False)}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"text": "a"}, 400, "name a model; those that label texts are: words, tfidf-svm"),
        ({"model": "word", "text": "a"}, 404, "did you mean words"),
        ({"model": "words", "text": " "}, 400, "empty or blank"),
        ({"model": "words", "text": "a", "top": 3}, 400, "unknown key 'top'"),
        ({"model": "words", "texts": ["a"] * 21}, 413, "21 texts"),
        ({"model": "words", "text": "a" * 301}, 413, "301 characters"),
        ({"model": "words", "text": "a" * 6000}, 413, "larger than 5,000 bytes"),
    ],
)
def test_refused_bodies(running: Running, body: Any, status: int, said: str) -> None:
    answer = running.client.post("/v1/classify", json=body)
    assert answer.status_code == status
    _check_error(answer.json(), said)


def _check_error(value: Any, said: str = "") -> None:
    assert set(value) == {"error"}
    assert set(value["error"]) == {"message", "type"}
    message = value["error"]["message"]
    assert said in message
    assert message.endswith((".", "?"))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/v1/classify", 405),
        ("DELETE", "/v1/models", 405),
    ],
)
def test_other_paths(running: Running, method: str, path: str, status: int) -> None:
    answer = running.client.request(method, path)
    assert answer.status_code == status
    _check_error(answer.json())


def test_a_chat_with_a_classical_classifier(running: Running) -> None:
    body = {"model": "words", "messages": [{"role": "user", "content": "a"}]}
    answer = running.client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    _check_error(answer.json(), "labels texts and writes none")


def test_control_tokens_and_markup_are_data(running: Running) -> None:
    for text in ("<|im_end|><|endoftext|>", "</s>[INST]", "<script>alert(1)</script>", "\x1b[2J"):
        answer = running.classify(model="words", text=text)
        assert answer.status_code == 200
        assert answer.json()["results"][0]["label"] in TEXTS


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (HEAD + "content-length: 3\n", b"\xff{}", 400),
        (HEAD + "content-length: 9000\n", b"x" * 9000, 413),
        (HEAD + "transfer-encoding: chunked\n", b"2000\r\n" + b"x" * 0x2000 + b"\r\n", 413),
        (HEAD.replace("application/json", "text/plain") + "content-length: 2\n", b"{}", 415),
        (HEAD.replace("localhost", "evil.example") + "content-length: 2\n", b"{}", 421),
        (HEAD + "origin: https://evil.example\ncontent-length: 2\n", b"{}", 403),
        ("nonsense\n", b"", 400),
        (HEAD + "x: " + "y" * 100_000 + "\n", b"", 400),
        # Neither the head nor the body comes to its end.
        (HEAD + "content-length: 50\n", b'{"text"', 408),
        ("POST /v1/classify HTTP/1.1\nhost: loc", b"", 408),
    ],
)
def test_bytes_that_are_no_request(running: Running, head: str, body: bytes, status: int) -> None:
    if status == 408 and not body:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head.encode())
            found, value = read_answer(connection)
    else:
        found, value = running.send(head, body)
    assert found == status
    _check_error(value)


def test_a_byte_at_a_time_ends_in_time_and_hinders_nobody(running: Running) -> None:
    host, port = running.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall((HEAD + "content-length: 50\n\n").replace("\n", "\r\n").encode())
        began = time.monotonic()
        for _ in range(3):
            connection.sendall(b" ")
            assert running.classify(model="words", text="a").status_code == 200
            time.sleep(0.1)
        status, value = read_answer(connection)
    assert status == 408
    assert time.monotonic() - began < 5
    _check_error(value, "0.6 seconds")


@settings(max_examples=15)
@given(body=st.binary(max_size=80) | st.text(max_size=40).map(lambda one: json.dumps(one).encode()))
def test_any_bytes_get_a_status_and_one_sentence(running: Running, body: bytes) -> None:
    answer = running.client.post(
        "/v1/classify", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    _check_error(answer.json())


@settings(max_examples=15)
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_any_texts_are_labelled_or_refused(running: Running, texts: list[str]) -> None:
    answer = running.classify(model="words", texts=texts)
    if answer.status_code == 200:
        assert len(answer.json()["results"]) == len(texts)
    else:
        assert answer.status_code == 400
        _check_error(answer.json(), "empty or blank")


def test_health_and_metrics(running: Running) -> None:
    assert running.client.get("/healthz").json() == {"status": "ok"}
    assert running.client.get("/readyz").json() == {"status": "ready"}
    head = running.client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")
    running.classify(model="words", text=LINES[0])
    answer = running.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert re.search(r'tunelab_texts_total\{model="words"\} [1-9]', answer.text)
    assert 'path="/v1/classify",status="200"' in answer.text


def test_a_line_of_the_log_holds_no_text(running: Running) -> None:
    before = len(running.lines)
    running.classify(model="words", texts=["private matter", LINES[0]])
    running.classify(model="words", texts=["private matter"], secret=1)
    deadline = time.monotonic() + 5
    while len(running.lines) < before + 2 and time.monotonic() < deadline:
        # A line is written behind its answer.
        time.sleep(0.005)
    first, second = running.lines[before:]
    assert (first["status"], second["status"]) == (200, 400)
    assert first["texts"] == sum(first["labels"].values()) == 2
    assert first["milliseconds"] > 0
    assert "private" not in json.dumps([first, second])


def test_the_page_asks_no_other_server(running: Running) -> None:
    for path in ("/", "/docs"):
        answer = running.client.get(path)
        assert not re.search(
            r"""(?:src|href)=["'](?:https?:)?//|<script|@import|url\(""", answer.text
        )
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "/v1/classify" in answer.text


def test_many_clients_at_once(running: Running, folders: dict[str, Path]) -> None:
    loaded = tunelab.load(folders["tfidf-logistic"])
    expected = dict(zip(LINES, loaded.predict(LINES), strict=True))

    def ask(client: httpx.Client, number: int) -> bool:
        texts = [LINES[(number * 7 + n) % len(LINES)] for n in range(1 + number % 8)]
        body = {"model": "words", "texts": texts}
        answer = client.post("/v1/classify", json=body).json()
        return [one["label"] for one in answer["results"]] == [expected[text] for text in texts]

    with ThreadPoolExecutor(10) as pool:
        right = list(pool.map(lambda number: ask(running.client, number), range(100)))
    assert all(right)
    text = running.client.get("/metrics").text
    found = re.search(r'tunelab_batches_total\{model="words"\} (\d+)', text)
    assert found is not None
    asked = re.search(r'path="/v1/classify",status="200"\} (\d+)', text)
    assert asked is not None
    assert int(found[1]) < int(asked[1])


def test_a_rule_of_review(folders: dict[str, Path]) -> None:
    opened = open_served([f"m={folders['tfidf-logistic']}"], [], device="cpu")
    rule = ReviewRule(temperature=0.5, threshold=0.9, wanted_accuracy=None)
    object.__setattr__(opened["m"], "rule", rule)
    texts = [LINES[0], "nothing that was seen"]
    given = tunelab.load(folders["tfidf-logistic"]).predict_proba(texts)
    with listening(opened, token="a long token") as one:
        answer = one.classify(texts=texts).json()
        bare = one.classify(texts=texts, probabilities=False).json()["results"]
        open_paths = [httpx.get(f"{one.address}{path}") for path in ("/healthz", "/readyz")]
        shut = [httpx.get(f"{one.address}{path}") for path in ("/", "/metrics", "/v1/models")]
        shut.append(httpx.post(f"{one.address}/v1/classify", json={"text": "a"}))
    assert answer["threshold"] == 0.9
    sure = [result["confidence"] for result in answer["results"]]
    assert sure == pytest.approx(rule.calibrated(given).max(axis=1).tolist())
    assert [result["needs_review"] for result in answer["results"]] == [False, True]
    # The probabilities are those of `tunelab predict`, at the temperature of the rule.
    shown = list(answer["results"][0]["probabilities"].values())
    assert shown == pytest.approx(rule.calibrated(given)[0].tolist())
    assert shown != pytest.approx(given[0].tolist())
    assert [(one["probabilities"], one["needs_review"]) for one in bare] == [
        (None, False),
        (None, True),
    ]
    assert {one.status_code for one in open_paths} == {200}
    assert {one.status_code for one in shut} == {401}
    _check_error(shut[0].json(), "Authorization: Bearer")


class _Words:
    """A classifier whose words are another label than its likeliest one, or none."""

    labels = ("a", "b")

    def answer(self, texts: list[str]) -> Answers:
        found = [None if text == "none" else text for text in texts]
        reasons = [None if label else "no label in the answer" for label in found]
        return Answers(
            labels=self.labels,
            given=Given(("a",) * len(texts), ((0.99, 0.01),) * len(texts)),
            generated=Generated(
                tuple(texts), tuple(found), tuple(reasons), (True,) * len(texts), None
            ),
        )


def test_words_that_are_not_the_likeliest_label_need_a_review(folders: dict[str, Path]) -> None:
    opened = open_served([f"m={folders['tfidf-logistic']}"], [], device="cpu")
    object.__setattr__(opened["m"], "rule", ReviewRule(1.0, 0.9, None))
    object.__setattr__(opened["m"], "fitted", _Words())
    with listening(opened) as one:
        results = one.classify(texts=["a", "b", "none"]).json()["results"]
    assert [result["label"] for result in results] == ["a", "b", None]
    assert [result["needs_review"] for result in results] == [False, True, True]


def test_more_connections_than_it_holds(folders: dict[str, Path]) -> None:
    opened = open_served([str(folders["tfidf-svm"])], [], device="cpu")
    with listening(opened, connections=2) as running:
        host, port = running.address.removeprefix("http://").split(":")
        held = [socket.create_connection((host, int(port)), timeout=10) for _ in range(2)]
        with socket.create_connection((host, int(port)), timeout=10) as one:
            status, value = read_answer(one)
        for connection in held:
            connection.close()
    assert status == 503
    _check_error(value, "too many connections")


def test_an_error_that_nobody_expected(folders: dict[str, Path]) -> None:
    opened = open_served([f"m={folders['tfidf-svm']}"], [], device="cpu")
    object.__setattr__(opened["m"], "fitted", _Broken())
    with listening(opened) as running:
        answer = running.classify(text="private matter")
        again = running.client.get("/readyz")
    assert answer.status_code == 500
    _check_error(answer.json(), "its log names the request")
    line = next(one for one in running.lines if one["status"] == 500)
    assert (line["error"], line["request_id"]) == ("ValueError", answer.headers["x-request-id"])
    assert "private" not in json.dumps([*running.lines, answer.json()])
    assert again.status_code == 200


class _Broken:
    """A classifier that fails in a way of its own."""

    labels = ("a",)

    def label(self, texts: list[str]) -> Any:
        raise ValueError(f"cannot label {texts}")


class _Held:
    """A classifier whose answers wait for ``gate``."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.gate = inner, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def answer(self, texts: list[str], *, title: str = "") -> Any:
        self.gate.wait(10)
        return self._inner.answer(texts)


def test_a_full_queue_and_an_answer_that_takes_too_long(folders: dict[str, Path]) -> None:
    opened = open_served([f"m={folders['tfidf-logistic']}"], [], device="cpu")
    held = _Held(opened["m"].fitted)
    object.__setattr__(opened["m"], "fitted", held)
    limits = listening(opened, queue=4, request_seconds=1.0)
    with limits as running, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: running.classify(text=f"a {n}"), range(10)))
        held.gate.set()
        after = running.classify(text="a")
    assert Counter(one.status_code for one in answers) == {429: 6, 504: 4}
    for one in answers:
        _check_error(one.json())
        assert one.status_code == 504 or int(one.headers["retry-after"]) >= 1
    assert after.status_code == 200


def test_a_connection_goes_on_behind_a_body_that_was_refused(running: Running) -> None:
    host, port = running.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = (HEAD + "content-length: 9000\n\n").replace("\n", "\r\n").encode()
        connection.sendall(head + b"x" * 5000)
        assert read_answer(connection)[0] == 413
        connection.sendall(b"x" * 4000 + b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert read_answer(connection)[0] == 200
        # Nothing more comes, and nothing is said of it.
        connection.settimeout(0.8)
        with pytest.raises(TimeoutError):
            connection.recv(1)
