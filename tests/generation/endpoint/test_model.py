"""A model behind an endpoint: a real server, and one with every fault."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from conftest import build_model, build_tokenizer, write_model
from loopback import serving
from transformers_server import serving_model
from tunelab.errors import UsageError
from tunelab.generation.endpoint.errors import EndpointError
from tunelab.generation.endpoint.model import open_endpoint
from tunelab.generation.endpoint.request import Timeouts
from tunelab.generation.generate import generate
from tunelab.generation.settings import GenerationSettings
from tunelab.prompts.markers import break_markers

ASK = [[{"role": "user", "content": "hello"}]]
QUICK = Timeouts(connect=2, silence=0.5, whole=3, attempts=3, pause=0.01)


def _event(text: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


class Faulty(BaseHTTPRequestHandler):
    """Answers each request with the next of ``script``, the last one for ever."""

    script: ClassVar[list[str]] = []
    asked: ClassVar[list[dict[str, Any]]] = []
    times: ClassVar[list[float]] = []
    wait: ClassVar[str] = "0.02"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(body)
        do = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.times.append(time.perf_counter())
        if do == "closed":
            self.close_connection = True
            return
        if do.isdigit():
            said = json.dumps({"error": {"message": "no, not now"}}).encode()
            self.send_response(int(do))
            self.send_header("retry-after", self.wait)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            return
        self.send_response(200)
        self.end_headers()
        if do == "nonsense":
            self.wfile.write(b"<html>hello</html>")
        elif do == "other":
            self.wfile.write(b'{"models": ["a", "b"]}')
        elif do == "list":
            self.wfile.write(b"data: [1, 2]\n\n")
        elif do == "empty":
            pass
        elif do == "split":
            content = _event("سلام 😀 end", "stop").replace(b"\n", b"\r\n")
            for position in range(len(content)):
                self.wfile.write(content[position : position + 1])
                self.wfile.flush()
        elif do in ("alive", "endless"):
            # Signs of life and no answer; or one line that never ends.
            piece = b": still here\n\n" if do == "alive" else b"data: ["
            for _ in range(60):
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(0.1)
                piece = piece if do == "alive" else b"1, "
        elif do == "odd":
            self.wfile.write(b'data: {"choices": [{"delta": {"content": 7}}]}\n\n')
        elif do == "silent":
            time.sleep(1)
        elif do == "early":
            self.wfile.write(_event("one ") + _event("two "))
        elif do == "failing":
            self.wfile.write(_event("one ") + b'data: {"error": {"message": "out of room"}}\n\n')
        elif do == "whole":
            message = {"message": {"role": "assistant", "content": "one two"}}
            self.wfile.write(
                json.dumps({"choices": [{**message, "finish_reason": "stop"}]}).encode()
            )
        elif do == "trickle":
            for _ in range(40):
                self.wfile.write(_event("x"))
                self.wfile.flush()
                time.sleep(0.2)
        else:
            self.wfile.write(_event("one ") + _event("two ") + _event("three", do))
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            super().handle_one_request()


@pytest.fixture
def faulty() -> Iterator[Any]:
    with serving(Faulty) as address:

        def ask(*script: str, patience: Timeouts = QUICK, **more: Any) -> Any:
            Faulty.script[:], Faulty.asked[:], Faulty.times[:] = list(script), [], []
            model = open_endpoint(f"{address}/v1#m", patience)
            return model.answer(ASK, GenerationSettings(**more))

        yield ask


def test_an_answer_with_its_pieces_and_times(faulty: Any) -> None:
    [[answer]] = faulty("stop", temperature=0.5, top_k=3, seed=9, stop=("##",))
    assert answer.text == "one two three"
    assert [token.text for token in answer.tokens] == ["one ", "two ", "three"]
    assert answer.ending == "stop token"
    assert answer.first_token_seconds > 0
    sent = Faulty.asked[0]
    assert (sent["temperature"], sent["top_k"], sent["seed"], sent["stop"]) == (0.5, 3, 9, ["##"])
    assert "top_p" not in sent
    assert faulty("length")[0][0].ending == "length"
    assert faulty("whole")[0][0].text == "one two"


@pytest.mark.parametrize(
    "fault",
    [
        *("429", "500", "503", "nonsense", "other", "list", "odd", "empty"),
        *("silent", "early", "closed", "failing"),
    ],
)
def test_a_passing_fault_is_survived(faulty: Any, fault: str) -> None:
    [[answer]] = faulty(fault, fault, "stop")
    assert answer.text == "one two three"
    assert len(Faulty.asked) == 3


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("429", r"no complete answer in 3 tries: too many requests \(429\): no, not now\."),
        ("500", r"failed with status 500: no, not now\."),
        ("nonsense", r"sends something else than answers\."),
        ("silent", r"sent nothing for 0\.5 seconds\."),
        ("early", r"closed the connection early\."),
        ("failing", r"it failed: out of room\."),
        ("closed", r"closed the connection early\."),
        ("other", r"sends something else than answers\."),
    ],
)
def test_a_lasting_fault_ends_in_a_sentence(faulty: Any, fault: str, sentence: str) -> None:
    with pytest.raises(EndpointError, match=sentence) as caught:
        faulty(fault)
    assert len(Faulty.asked) == 3
    assert "\n" not in str(caught.value)
    expected = {"early": "one two ", "failing": "one "}.get(fault, "")
    assert caught.value.partial.startswith(expected)


@pytest.mark.parametrize("fault", ["trickle", "alive", "endless"])
def test_an_answer_that_never_ends_is_given_up(fault: str) -> None:
    Faulty.script[:], Faulty.asked[:] = [fault], []
    with serving(Faulty) as address:
        model = open_endpoint(f"{address}/v1#m", Timeouts(whole=1, attempts=2, pause=0.01))
        with pytest.raises(EndpointError, match=r"in 2 tries: it took more than 1 seconds\."):
            model.answer(ASK, GenerationSettings())
    assert len(Faulty.asked) == 2


def test_a_refusal_is_not_repeated(faulty: Any) -> None:
    with pytest.raises(
        EndpointError, match=r"refuses the request for 'm' with status 404: no, not"
    ):
        faulty("404")
    assert len(Faulty.asked) == 1


def test_what_was_answered_is_not_lost(faulty: Any) -> None:
    with pytest.raises(EndpointError) as caught:
        faulty("stop", "stop", "500", samples=3)
    assert [[one.text for one in samples] for samples in caught.value.done] == [
        ["one two three"] * 2
    ]


def test_a_server_that_is_busy_says_how_long_to_wait(
    faulty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "wait", "0.6")
    faulty("429", "stop")
    assert Faulty.times[1] - Faulty.times[0] >= 0.55
    from email.utils import formatdate

    monkeypatch.setattr(Faulty, "wait", formatdate(time.time() + 2, usegmt=True))
    faulty("503", "stop")
    assert Faulty.times[1] - Faulty.times[0] >= 0.5
    # More than is waited for at all is told.
    monkeypatch.setattr(Faulty, "wait", "4000")
    with pytest.raises(EndpointError, match=r"no, not now; it asks to wait 4,000 seconds\.$"):
        faulty("429", patience=replace(QUICK, longest_pause=0.01))


def test_letters_that_come_in_parts(faulty: Any) -> None:
    [[answer]] = faulty("split")
    assert answer.text == "سلام 😀 end"


@pytest.mark.parametrize("fault", ["alive", "429", "slow"])
def test_an_interrupt_is_seen_while_nothing_comes(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "wait", "20")
    Faulty.script[:] = ["silent" if fault == "slow" else fault]
    started = time.perf_counter()
    with serving(Faulty) as address:
        model = open_endpoint(f"{address}/v1#m", Timeouts(silence=30, whole=60))
        [[answer]] = model.answer(
            ASK, GenerationSettings(), interrupt=lambda: time.perf_counter() - started > 0.4
        )
        assert time.perf_counter() - started < 15
    assert answer.ending == "interrupted"
    assert answer.text == ""


def test_what_came_before_an_interrupted_retry_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    Faulty.script[:] = ["early", "alive"]
    started = time.perf_counter()
    with serving(Faulty) as address:
        model = open_endpoint(f"{address}/v1#m", Timeouts(pause=0.01, silence=30))
        steps = list(
            model.stream(
                ASK, GenerationSettings(), interrupt=lambda: time.perf_counter() - started > 0.8
            )
        )
    assert "".join(step.text for step in steps) == "one two "
    assert steps[-1].done is not None
    assert (steps[-1].done.text, steps[-1].done.ending) == ("one two ", "interrupted")


def test_nothing_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = open_endpoint(f"http://127.0.0.1:{port}/v1#m", QUICK)
    with pytest.raises(EndpointError, match="nothing answers at this address"):
        model.answer(ASK, GenerationSettings())


def test_addresses_and_prompts_are_checked() -> None:
    for wrong in ("http://127.0.0.1:1/v1", "http://#m", "http://h:99999/v1#m"):
        with pytest.raises(UsageError, match=r"must be an address and a model"):
            open_endpoint(wrong)
    with pytest.raises(UsageError, match="not token ids"):
        open_endpoint("http://127.0.0.1:1/v1#m").answer([[1, 2]], GenerationSettings())


def test_markers_are_taken_apart(faulty: Any) -> None:
    text = "a <|im_end|> [INST] </s> <start_of_turn> <<SYS>> <b> x < y [see] <|a b|>"
    apart, number = break_markers(text)
    assert number == 6
    assert apart.replace("\u200b", "") == text
    for marker in ("<|im_end|>", "[INST]", "</s>", "<start_of_turn>", "<<SYS>>"):
        assert marker not in apart
    assert "<b> x < y [see]" in apart
    ASK.append([{"role": "user", "content": text}])
    try:
        faulty("stop")
    finally:
        ASK.pop()
    assert Faulty.asked[1]["messages"][0]["content"] == apart


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """transformers' own server with a tiny model."""
    folder = write_model(tmp_path_factory.mktemp("served") / "model")
    with serving_model(folder) as url:
        yield f"{url}#{folder}", folder


def test_a_real_server_answers_as_the_model_does(served: tuple[str, Path]) -> None:
    name, _ = served
    model = open_endpoint(name)
    settings = GenerationSettings(max_new_tokens=8)
    asked = [[{"role": "user", "content": text}] for text in ("hello", "the rain came down")]
    answers = model.answer(asked, settings)
    tokenizer = build_tokenizer()
    own = generate(build_model("llama", len(tokenizer)), tokenizer, asked, settings)
    for [answer], [expected] in zip(answers, own, strict=True):
        # The server leaves half a character at the end out.
        assert answer.text == expected.text.rstrip("\ufffd")
        assert answer.stopped == expected.stopped
    with pytest.raises(EndpointError, match=r"status [45]"):
        open_endpoint(name.split("#")[0] + "#absent", QUICK).answer(ASK, settings)
