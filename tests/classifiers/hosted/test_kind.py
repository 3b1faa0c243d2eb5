"""A hosted model as a classifier: asked, kept, retried, refused, measured and killed."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from chat_server import Chat, chatting, reply, slowly
from conftest import LABELS, TEXTS, Workspace
from tiny_encoder import write_encoder
from transformers_server import serving_model
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.hosted.kept import FILE
from tunelab.classifiers.registered import find_classifier
from tunelab.config import Prompt
from tunelab.data.examples import Example
from tunelab.errors import RunError, TunelabError, UsageError
from tunelab.report.build import build_report
from tunelab.runs.results import Result, load_result
from tunelab.runs.run_folder import read_run
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

ROWS = [
    Example(f"{text} {number}", label)
    for number in range(3)
    for label, texts in TEXTS.items()
    for text in texts
]
TRUTH = {row.text: row.label for row in ROWS}
NAMES = tuple(TEXTS)
QUESTIONS = [row.text for row in ROWS[:10]]


def right(body: dict[str, Any]) -> dict[str, Any]:
    """The true label, as JSON where a schema asks for it."""
    label = TRUTH[body["messages"][-1]["content"]]
    return reply(json.dumps({"label": label}) if "response_format" in body else label)


@pytest.fixture
def chat() -> Iterator[Chat]:
    with chatting(right) as chat:
        yield chat


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tunelab.generation.endpoint import exchange, retries

    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    # The waits between tries are looked at in one test, and made short for the others.
    pause = exchange.pause
    monkeypatch.setattr(retries, "pause", lambda s, stop: pause(s / 200, stop))


def _open(folder: Path, chat: Chat, prompt: Prompt | None = None, **settings: Any) -> Any:
    values = {"url": chat.url, "model": "m", **settings}
    kind = find_classifier("hosted")
    kind.check(values, "classifiers.0.")
    made = kind.make(values, Context("cpu", "float32", prompt or Prompt()))
    task = Task(ROWS, [], NAMES, seed=3)
    json.dumps(made.key(task))
    return made.open(folder / "classifiers" / "mine", task)


def test_it_labels_with_the_studys_prompt(chat: Chat, tmp_path: Path) -> None:
    prompt = Prompt(descriptions={"joy": "they are glad"})
    model = _open(tmp_path, chat, prompt, prices={"input": 2, "output": 5})
    found = model.answer([*QUESTIONS, QUESTIONS[0]])
    assert found.generated.labels == tuple(TRUTH[t] for t in [*QUESTIONS, QUESTIONS[0]])
    assert found.generated.answers[0] == "joy"
    assert all(found.generated.stopped)
    assert found.generated.first_tokens is None
    assert (found.scores, found.given, found.texts_cut) == (None, None, 0)
    # A text that repeats is asked once.
    assert sorted(chat.texts()) == sorted(QUESTIONS)
    system, text = chat.asked[0]["messages"]
    assert system["content"].endswith("joy, fear, anger.\n\njoy: they are glad")
    assert (system["role"], text) == ("system", {"role": "user", "content": QUESTIONS[0]})
    assert chat.asked[0]["temperature"] == 0
    assert chat.asked[0]["stream"] is False
    enum = chat.asked[0]["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    assert enum == list(NAMES)
    facts = found.facts["requests"]
    assert facts["tokens_per_thousand_rows"] == {
        "input": 100_000.0,
        "output": 10_000.0,
        "rows_counted": 11,
    }
    assert facts["price_per_thousand_rows"] == pytest.approx(0.2 + 0.05)
    assert (facts["asked"], facts["kept_from_before"], facts["rows_failed"]) == (10, 0, 0)
    assert facts["rows_by_schema"] == 11
    assert found.seconds["generate"] > 0
    json.dumps(dict(facts))
    # What was answered is asked no more, by another object and for other rows too.
    again = _open(tmp_path, chat, prompt, prices={"input": 4, "output": 5}).answer(QUESTIONS[:4])
    assert again.generated.labels == found.generated.labels[:4]
    assert again.facts["requests"]["kept_from_before"] == 4
    assert again.facts["requests"]["price_per_thousand_rows"] == pytest.approx(0.45)
    assert again.seconds["generate"] > 0
    assert len(chat.asked) == 10
    labels = model.label(QUESTIONS[:2])
    assert [(one.label, one.raw) for one in labels] == [("joy", "joy"), ("joy", "joy")]
    with pytest.raises(UsageError, match="has no probabilities"):
        model.probabilities(QUESTIONS)
    assert model.answer([]).generated.labels == ()
    assert model.label([]) == []


def test_another_question_is_asked_anew(chat: Chat, tmp_path: Path) -> None:
    for prompt, settings in (
        (Prompt(), {}),
        (Prompt(system="One of {labels}."), {}),
        (Prompt(), {"max_tokens": 9}),
        (Prompt(), {"structured": False}),
        (Prompt(), {"shots": 2}),
    ):
        before = len(chat.asked)
        assert _open(tmp_path, chat, prompt, **settings).answer(QUESTIONS[:1]).generated.labels
        assert len(chat.asked) == before + 1
    # One example of each of two labels before the text.
    roles = [message["role"] for message in chat.asked[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]


def test_nothing_is_made_up_where_the_server_counts_nothing(tmp_path: Path) -> None:
    def bare(body: dict[str, Any]) -> dict[str, Any]:
        return {"choices": right(body)["choices"]}

    with chatting(bare) as chat:
        facts = _open(tmp_path, chat, prices={"input": 1, "output": 1}).answer(QUESTIONS).facts
    assert facts["requests"]["tokens_per_thousand_rows"] is None
    assert facts["requests"]["price_per_thousand_rows"] is None
    assert facts["requests"]["price_reason"] == "the server counts no tokens"


def test_requests_at_once_are_bounded(tmp_path: Path) -> None:
    with chatting(slowly(0.05, right)) as chat:
        _open(tmp_path, chat, concurrency=3).answer(QUESTIONS)
        assert chat.most_at_once == 3


@pytest.mark.parametrize(
    ("refusal", "answers", "asked"),
    [
        # What the server does not name is left out in turn.
        ("unknown field", {"response_format", "top_logprobs"}, 3),
        ("logprobs are not supported", {"top_logprobs"}, 2),
        ("use max_completion_tokens", {"max_tokens"}, 2),
        ("temperature does not support 0", {"temperature"}, 2),
    ],
)
def test_a_server_that_takes_less(
    refusal: str, answers: set[str], asked: int, tmp_path: Path
) -> None:
    def strict(body: dict[str, Any]) -> Any:
        return (422, refusal, {}) if answers & set(body) else right(body)

    with chatting(strict) as chat:
        found = _open(tmp_path, chat).answer(QUESTIONS)
        assert found.generated.labels == tuple(TRUTH[text] for text in QUESTIONS)
        # Only the first row is asked more than once.
        assert len(chat.asked) == len(QUESTIONS) - 1 + asked
        changes = found.facts["requests"]["changes"]
        assert len(changes) == (not answers & {"response_format", "top_logprobs"})
        if "max_tokens" in answers:
            assert chat.asked[-1]["max_completion_tokens"] == chat.asked[0]["max_tokens"]


def test_what_a_study_insists_on(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="gives no log-probabilities; set logprobs to auto or no"):
        _open(tmp_path, chat, logprobs="yes").answer(QUESTIONS)
    chat.respond = lambda body: reply("joy")
    with pytest.raises(RunError, match=r"takes the schema and does not follow it \('joy'\)"):
        _open(tmp_path, chat, structured="yes").answer(QUESTIONS)
    chat.respond = lambda body: (400, "response_format is unknown", {})
    with pytest.raises(RunError, match="response_format is unknown"):
        _open(tmp_path, chat, structured=True).answer(QUESTIONS)


def test_answers_are_parsed_like_any_other(tmp_path: Path) -> None:
    said = {
        QUESTIONS[0]: reply("The answer is: **Joy**."),
        QUESTIONS[1]: reply("joy or fear"),
        QUESTIONS[2]: reply(None),
        QUESTIONS[3]: reply("it may be that", reason="length"),
        QUESTIONS[4]: reply('{"label": "calm"}'),
        QUESTIONS[5]: reply("<think>joy?</think>fear"),
    }
    with chatting(lambda body: said[body["messages"][-1]["content"]]) as chat:
        found = _open(tmp_path, chat).answer(QUESTIONS[:6]).generated
    assert found.labels == ("joy", None, None, None, None, "fear")
    assert found.reasons[1:5] == (
        "several labels",
        "empty answer",
        "cut before its end",
        "no label in the answer",
    )
    assert found.stopped == (True, True, True, False, True, True)


def _choice(token: str, **likeliest: float) -> dict[str, Any]:
    pairs = [{"token": name, "logprob": value} for name, value in likeliest.items()]
    return {"token": token, "logprob": -0.5, "top_logprobs": pairs}


def test_the_tokens_that_begin_a_label(tmp_path: Path) -> None:
    words = [_choice("jo", jo=-0.5, Jo=-2.5, f=-1.5, the=-3), _choice("y", y=-0.1)]
    before = [_choice('{"'), _choice("label"), _choice('":')]
    cut = {' "j': -0.5, ' "an': -2.0, "x": -3.0}
    schema = [*before, _choice(' "j', **cut), _choice("oy"), _choice('"}')]

    def speak(body: dict[str, Any]) -> dict[str, Any]:
        if "response_format" in body:
            return reply('{"label": "joy"}', logprobs={"content": schema})
        return reply("joy", logprobs={"content": words})

    with chatting(speak) as chat:
        by_schema = _open(tmp_path, chat).answer(QUESTIONS[:1])
        in_words = _open(tmp_path, chat, structured="no").answer(QUESTIONS[:1])
        assert chat.asked[0]["top_logprobs"] == 20
        # Another text than the tokens make: nothing can be said.
        chat.respond = lambda body: reply("fear", logprobs={"content": words})
        other = _open(tmp_path, chat).answer(QUESTIONS[1:2])
    assert by_schema.generated.labels == in_words.generated.labels == ("joy",)
    assert by_schema.generated.first_tokens == ((-0.5, None, -2.0),)
    joy = in_words.generated.first_tokens[0]
    assert joy[0] == pytest.approx(-0.3731, abs=1e-3)
    assert joy[1:] == (-1.5, None)
    facts = by_schema.facts["requests"]["first_token_logprobs"]
    assert facts["rows"] == 1
    assert "not that of the whole label" in facts["meaning"]
    assert other.generated.first_tokens is None


@pytest.mark.parametrize("fault", ["429", "500", "503", "cut", "nonsense", "slow"])
def test_a_passing_fault_is_survived(fault: str, tmp_path: Path) -> None:
    seen: set[str] = set()

    def faulty(body: dict[str, Any]) -> Any:
        text = body["messages"][-1]["content"]
        if text in seen or len(seen) >= 4:
            return right(body)
        seen.add(text)
        if fault == "slow":
            time.sleep(1.5)
            return right(body)
        passing = (int(fault) if fault.isdigit() else 0, "not now", {"retry-after": "0.2"})
        return {"cut": "cut", "nonsense": b"<html>hello</html>"}.get(fault, passing)

    with chatting(faulty) as chat:
        found = _open(tmp_path, chat, timeout=1).answer(QUESTIONS)
        assert found.generated.labels == tuple(TRUTH[text] for text in QUESTIONS)
        assert len(chat.asked) == len(QUESTIONS) + 4


def test_rows_that_fail_for_good_are_answers_without_a_label(tmp_path: Path) -> None:
    def picky(body: dict[str, Any]) -> Any:
        text = body["messages"][-1]["content"]
        return (400, "the content filter", {}) if text in QUESTIONS[:2] else right(body)

    with chatting(picky) as chat:
        found = _open(tmp_path, chat, max_failed=0.2).answer(QUESTIONS)
        assert found.generated.labels[:3] == (None, None, "joy")
        assert found.generated.reasons[:3] == ("failed request", "failed request", None)
        facts = found.facts["requests"]
        assert facts["rows_failed"] == 2
        [(sentence, count)] = facts["failures"].items()
        assert "with status 400: the content filter" in sentence
        assert count == 2
        # The row that failed was tried with less; what is taken is learned from the next one.
        assert "response_format" in chat.asked[-1]
        [label, *_] = _open(tmp_path, chat, max_failed=0.2).label(QUESTIONS)
        assert (label.label, label.reason, label.raw) == (None, "failed request", None)
        with pytest.raises(RunError, match=r"2 requests failed, more than max_failed=0.1 allows"):
            _open(tmp_path / "other", chat, max_failed=0.1).answer(QUESTIONS)


def test_a_server_that_is_lost_ends_it(tmp_path: Path) -> None:
    with chatting(right) as chat:
        _open(tmp_path, chat).answer(QUESTIONS[:3])
        chat.respond = lambda body: (503, "gone", {})
        with pytest.raises(RunError, match=r"5 requests in a row failed.*3 answers are kept"):
            _open(tmp_path, chat, retries=1, max_failed=1).answer(QUESTIONS)
        assert len(chat.asked) <= 3 + 2 * (5 + 4)
        chat.respond = lambda body: (302, "", {"location": "http://127.0.0.1:1/"})
        with pytest.raises(RunError, match="status 302"):
            _open(tmp_path, chat, max_failed=1).answer(QUESTIONS)
        chat.respond = right
        asked = len(chat.asked)
        assert None not in _open(tmp_path, chat).answer(QUESTIONS).generated.labels
        assert len(chat.asked) == asked + len(QUESTIONS) - 3


def test_the_wait_that_a_server_asks_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tunelab.generation.endpoint import retries

    waits: list[float] = []
    monkeypatch.setattr(retries, "pause", lambda seconds, _: waits.append(seconds))
    script = [(429, "slower", {"retry-after": "60"}), (429, "", {}), (500, "", {}), None]

    def busy(body: dict[str, Any]) -> Any:
        return (script.pop(0) if script else None) or right(body)

    with chatting(busy) as chat:
        _open(tmp_path, chat).answer(QUESTIONS[:1])
    assert waits == [60, 2, 4]


KEY = "sk-planted-key-of-a-hosted-model"


def test_the_key_is_sent_and_never_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def telling(body: dict[str, Any]) -> Any:
        if len(server.asked) == 1:
            return (500, f"you sent Bearer {KEY}", {})
        if body["messages"][-1]["content"] == QUESTIONS[4]:
            return (401, f"no {KEY}", {})
        return reply(f"joy {KEY}")

    settings: dict[str, Any] = {"key_from": "MY_ENDPOINT_KEY", "structured": "no", "concurrency": 1}
    with chatting(telling) as server:
        with pytest.raises(UsageError, match="MY_ENDPOINT_KEY holds no key for http://127"):
            _open(tmp_path, server, **settings)
        monkeypatch.setenv("MY_ENDPOINT_KEY", "two words")
        with pytest.raises(UsageError, match="holds blanks or letters that no key has"):
            _open(tmp_path, server, **settings)
        monkeypatch.setenv("MY_ENDPOINT_KEY", KEY + "\n")
        model = _open(tmp_path, server, **settings)
        with pytest.raises(RunError) as raised:
            model.answer(QUESTIONS)
        assert set(server.keys) == {f"Bearer {KEY}"}
        said = model.answer(QUESTIONS[:4])
        assert said.generated.answers[0] == "joy (the key)"
        assert said.generated.labels[0] == "joy"
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 1
    everything = [str(raised.value), caplog.text, repr(model), repr(said), str(written)]
    assert not any(KEY in text for text in everything)
    assert "no (the key)" in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "the key 'classifiers.0.url' is missing"),
        ({"url": "http://h/v1"}, "the key 'classifiers.0.model' is missing"),
        ({"url": "h", "model": "m"}, "classifiers.0.url must be an address as http://HOST:PORT/v1"),
        ({"url": "ftp://h/v1", "model": "m"}, "classifiers.0.url must be an address"),
        ({"url": "http://h/v1#m", "model": "m"}, "classifiers.0.url must be an address"),
        ({"url": "http:///v1", "model": "m"}, "must be an address and a model"),
        ({"url": "http://me:secret@h/v1", "model": "m"}, "may hold no user, password or query"),
        ({"url": "http://h/v1", "model": "m", "key_from": "sk-secret"}, "never the key itself"),
        ({"url": "http://h/v1", "model": "m", "shot": 3}, "did you mean classifiers.0.shots"),
        ({"url": "http://h/v1", "model": "m", "structured": "maybe"}, "'auto', 'yes' or 'no'"),
        (
            {"url": "http://h/v1", "model": "m", "examples": "nearest"},
            "0 has examples=nearest and shows none",
        ),
        ({"url": "http://h/v1", "model": "m", "concurrency": 0}, "greater than or equal to 1"),
        ({"url": "http://h/v1", "model": "m", "prices": {"input": 1}}, "prices.output"),
    ],
)
def test_wrong_settings_end_in_one_sentence(settings: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        find_classifier("hosted").check(settings, "classifiers.0.")
    assert sentence in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_certificate_that_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key)]
    subprocess.run(
        ["openssl", *made, *names, "-out", str(certificate)], check=True, capture_output=True
    )
    with chatting(right, certificate=(certificate, key)) as chat:
        with pytest.raises(RunError, match=r"the certificate of https://localhost.* not trusted"):
            _open(tmp_path, chat, max_failed=0).answer(QUESTIONS)
        assert chat.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert None not in _open(tmp_path, chat).answer(QUESTIONS).generated.labels


def test_the_nearest_examples_of_each_text(chat: Chat, tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder", pooling={"pooling_mode_mean_tokens": True})
    near: dict[str, Any] = {"shots": 1, "examples": "nearest", "encoder": str(encoder)}
    model = _open(tmp_path, chat, **near, concurrency=1)
    assert None not in model.answer(QUESTIONS).generated.labels
    for body in chat.asked:
        shown, label, text = (message["content"] for message in body["messages"][1:])
        assert (shown, label) == (text, TRUTH[text])


def test_a_damaged_file_of_answers_is_begun_anew(chat: Chat, tmp_path: Path) -> None:
    model = _open(tmp_path, chat)
    model.answer(QUESTIONS[:2])
    path = tmp_path / "classifiers" / "mine" / FILE
    path.write_bytes(b"no database" * 1000)
    assert model.answer(QUESTIONS[:2]).generated.labels == ("joy", "joy")
    assert len(chat.asked) == 4
    path.unlink()
    path.symlink_to(tmp_path.parent / "elsewhere")
    with pytest.raises(UsageError, match="leads out of"):
        model.answer(QUESTIONS[:2])


STUDY = """
name: hosted
data: {{source: {rows}, sample: {{train: 24, validation: 6, test: 20}}}}
prompt: {{system: "Labels are {{labels}}.", max_length: 96}}
models: {{base: null, instruct: null}}
methods: []
evaluation: {{baselines: [majority], facts_seconds: 0.2}}
classifiers:
- {{name: far, use: hosted, url: {url}, model: "{model}", concurrency: 3, max_tokens: 8}}
"""


def _study(folder: Path, workspace: Workspace, url: str, model: str = "m") -> Path:
    path = folder / "hosted.yaml"
    rows = workspace.folder / "more.csv"
    path.write_text(STUDY.format(rows=rows, url=url, model=model), encoding="utf-8")
    return path


def _evaluated(results: Sequence[Result]) -> Result:
    [found] = [one for one in results if one.name == "far" and one.stage == "evaluate"]
    return found


def test_a_killed_run_goes_on_and_asks_no_answered_row_twice(
    workspace: Workspace, tmp_path: Path
) -> None:
    calm, held = threading.Event(), threading.Event()

    def speak(body: dict[str, Any]) -> dict[str, Any]:
        text = body["messages"][-1]["content"]
        label = next(label for label, texts in TEXTS.items() if text.rsplit(" ", 1)[0] in texts)
        with server.lock:
            late = len(server.asked) > 12
        if late and not calm.is_set():
            # No more answers; those before are on the disk of the other process by the kill.
            held.set()
            calm.wait(60)
        return reply(json.dumps({"label": label}))

    with chatting(speak) as server:
        study = _study(tmp_path, workspace, server.url)
        command = workspace.command("run", str(study), "--out", str(tmp_path / "run"))
        process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE)
        assert held.wait(120)
        time.sleep(1)
        with server.lock:
            before = set(server.answered)
        assert 10 <= len(before) <= 12
        process.kill()
        process.communicate()
        calm.set()
        time.sleep(0.5)
        with server.lock:
            server.asked.clear()
        done = subprocess.run(command, text=True, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr
        assert not before & set(server.texts())
        assert len(server.asked) == len(set(server.texts())) == 20 - len(before)
    [folder] = (tmp_path / "run" / "evaluate").glob("far-*")
    values = load_result(folder).values
    assert values["requests"]["kept_from_before"] == len(before)
    assert values["scores"]["accuracy"] == 1
    assert values["kind"] == "hosted"


def test_a_real_server_labels_the_rows_of_a_study(workspace: Workspace, tmp_path: Path) -> None:
    from tunelab.classifiers.asking import ask, encoder_for
    from tunelab.config import Evaluation
    from tunelab.models.loading import load

    model = str(workspace.folder / "model")
    with serving_model(workspace.folder / "model") as url:
        study = open_study(str(_study(tmp_path, workspace, url, model)))
        results = run_study(study, tmp_path / "run")
    far = _evaluated(results)
    table = pd.read_parquet(far.folder / "predictions.parquet")
    # What the same model answers here. The server ignores the schema, and gives no likeliest token.
    loaded = load(model)
    encoder = encoder_for(loaded.tokenizer, loaded.model, study.prompt, list(table["labels"][0]))
    own = ask(loaded.model, encoder, list(table["text"]), Evaluation(max_new_tokens=8), title="")
    # The two may differ in half a character at the end.
    assert [one.text.rstrip("\ufffd") for one in own.answers] == [
        said.rstrip("\ufffd") for said in table["answer"]
    ]
    facts = far.values["requests"]
    assert (facts["asked"], facts["rows_failed"], facts["rows_by_schema"]) == (20, 0, 0)
    assert facts["first_token_logprobs"] is None
    tokens = facts["tokens_per_thousand_rows"]
    lengths = [len(encoder.prompt(text).ids) for text in table["text"]]
    assert tokens["input"] == pytest.approx(1000 * sum(lengths) / 20)
    assert 1000 <= tokens["output"] <= 8000
    assert facts["price_reason"] == "the study names no prices"


def test_failed_rows_and_first_tokens_survive_measuring_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_ENDPOINT_KEY", KEY)
    listed = [_choice("joy", joy=-0.25)]

    def speak(body: dict[str, Any]) -> Any:
        text = body["messages"][-1]["content"]
        return (400, "", {}) if "door" in text else reply("joy", logprobs={"content": listed})

    own = [
        "classifiers.0.max_failed=0.9",
        "classifiers.0.structured=no",
        "classifiers.0.key_from=MY_ENDPOINT_KEY",
        "classifiers.0.prices={input: 2, output: 5}",
    ]

    def table(*overrides: str) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        results = run_study(open_study(str(study), [*own, *overrides]), tmp_path / "run")
        far = _evaluated(results)
        return pd.read_parquet(far.folder / "predictions.parquet"), far.values

    with chatting(speak) as chat:
        study = _study(tmp_path, workspace, chat.url)
        first, values = table()
        asked = len(chat.asked)
        again, measured = table("evaluation.resamples=300")
        assert len(chat.asked) == asked
    failed = first["reason"] == "failed request"
    assert failed.sum() == values["requests"]["rows_failed"] > 0
    assert first[failed]["predicted"].isna().all()
    assert measured["generated"]["unparsed_reasons"]["failed request"] == failed.sum()
    assert measured["requests"] == values["requests"]
    for table_ in (first, again):
        row = table_[~failed].iloc[0]
        named = dict(zip(row["labels"], row["first_token_logprobs"], strict=True))
        assert named["joy"] == -0.25
        assert pd.isna(named["fear"])
    pd.testing.assert_frame_equal(first, again)
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    assert f"far was asked at {chat.url} as m: a thousand rows take 100,000 input and" in page
    assert f"{failed.sum()} rows failed and count as wrong" in page or failed.sum() == 1
    # What nobody asks again has the times of its requests, and a price; what runs here has none.
    cost = {one.name: one.values for one in read_run(tmp_path / "run").measured}
    assert cost["far"]["median_ms"] == 1000 * values["requests"]["seconds_per_request"]["median"]
    assert cost["far"]["price_per_thousand_rows"] == pytest.approx(0.25)
    assert cost["majority"]["price_per_thousand_rows"] == 0
    assert "price of 1,000" in page
    assert "0.250 for a thousand texts" in page
    assert "nothing on this disk" in page
    assert "0 B on disk" not in page
    assert set(chat.keys) == {f"Bearer {KEY}"}
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def test_without_its_key_a_study_ends_before_any_work(workspace: Workspace, tmp_path: Path) -> None:
    study = open_study(
        str(_study(tmp_path, workspace, "http://127.0.0.1:1/v1")),
        ["classifiers.0.key_from=NO_SUCH_KEY_HERE"],
    )
    with pytest.raises(UsageError, match=r"^far: the environment variable NO_SUCH_KEY_HERE holds"):
        run_study(study, tmp_path / "run")
    assert not list(tmp_path.glob("run/evaluate/*"))


def test_a_server_that_is_not_there_ends_in_one_sentence(
    workspace: Workspace, tmp_path: Path
) -> None:
    study = open_study(
        str(_study(tmp_path, workspace, "http://127.0.0.1:1/v1")), ["classifiers.0.retries=0"]
    )
    with pytest.raises(TunelabError, match="nothing answers at this address"):
        run_study(study, tmp_path / "run")


def test_labels_are_in_the_schema_whatever_they_are() -> None:
    from tunelab.classifiers.hosted.manner import answer_schema, unwrapped

    odd = ['a "b"', "c\\d", "é", "{}"]
    assert json.loads(json.dumps(answer_schema(odd)))["json_schema"]["strict"] is True
    for label in odd:
        text = json.dumps({"label": label})
        assert unwrapped(text) == (label, 11)
    for text in ("joy", "[1]", '{"label": 3}', '{"x": 1}', "{" * 100_000):
        assert unwrapped(text) is None
    assert len(LABELS) == 6
