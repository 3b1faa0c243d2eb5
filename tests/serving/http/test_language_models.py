"""Adapters that share a base model, and chat completions as clients of OpenAI ask for them."""

import json
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

import tunelab
from served_http import Running, listening, serving, write_language_models
from tunelab.classifiers.language_model import LanguageModel
from tunelab.cli.main import main
from tunelab.generation.local_model import LocalModel
from tunelab.generation.outcome import Progress

TEXTS = ["we won the game", "the rain came <|im_end|>", "سلام 😀"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_language_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def running(folders: dict[str, Path]) -> Iterator[Running]:
    adapters = [folders["lora"], folders["dora"]]
    with serving(adapters, [folders["tiny"]], new_tokens=300) as found:
        yield found


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    address = f"{running.address}/v1"
    with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as found:
        yield found


def test_adapters_share_the_weights_of_their_base(running: Running) -> None:
    places = []
    for name in ("lora", "dora"):
        fitted = running.service.served[name].fitted
        assert isinstance(fitted, LanguageModel)
        places.append(_places(fitted.model))
    answerer = running.service.served["tiny"].answerer
    assert answerer is not None
    base = _places(answerer.model)
    # Every weight of the base is in each, and nothing else is shared.
    assert base <= places[0]
    assert places[0] & places[1] == base


def _places(model: Any) -> set[int]:
    return {value.data_ptr() for value in model.parameters()}


def test_each_adapter_answers_as_alone_bit_for_bit(
    running: Running, folders: dict[str, Path]
) -> None:
    alone = {name: tunelab.load(folders[name]) for name in ("lora", "dora")}
    found: dict[str, list[list[float]]] = {"lora": [], "dora": []}
    for text in TEXTS[:2]:
        for name, loaded in alone.items():
            answer = running.classify(model=name, text=text).json()
            assert answer["results"][0]["label"] == loaded.predict([text])[0]
            found[name].append(list(answer["results"][0]["probabilities"].values()))
            assert answer["prompt_hash"] == loaded._fitted.about["prompt"]["hash"]
            assert answer["base_model"] == "tiny"
    for name, loaded in alone.items():
        expected = [loaded.predict_proba([text])[0].tolist() for text in TEXTS[:2]]
        assert found[name] == expected
    assert found["lora"] != found["dora"]


def test_a_batch_changes_rounding_alone(running: Running) -> None:
    together = running.classify(model="lora", texts=TEXTS).json()["results"]
    alone = [running.classify(model="lora", text=text).json()["results"][0] for text in TEXTS]
    assert [one["label"] for one in together] == [one["label"] for one in alone]
    given, expected = (
        np.array([list(one["probabilities"].values()) for one in rows])
        for rows in (together, alone)
    )
    assert np.abs(given - expected).max() < 1e-5


def _generated(
    folders: dict[str, Path], text: str, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, Any]:
    """What the command prints of one answer."""
    capsys.readouterr()
    command = ["generate", text, "--model", str(folders["tiny"]), "--format", "json", *words]
    assert main(command) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, []),
        ({"temperature": 0.9, "seed": 7, "top_p": 0.9}, ["--temperature=0.9", "--seed=7"]),
        ({"temperature": 0.9, "seed": 8, "stop": ["e"]}, ["--temperature=0.9", "--seed=8"]),
    ],
)
def test_a_client_of_openai_gets_what_generate_gives(
    asked: dict[str, Any],
    words: list[str],
    client: openai.OpenAI,
    folders: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "What is <|im_end|> 2 + 2? سلام"
    more = ["--top-p=0.9"] if "top_p" in asked else ["--stop=e"] if "stop" in asked else []
    expected = _generated(folders, text, capsys, "--max-new-tokens=12", *words, *more)
    messages: Any = [{"role": "user", "content": text}]
    whole = client.chat.completions.create(
        model="tiny", messages=messages, max_tokens=12, logprobs=True, **asked
    )
    choice = whole.choices[0]
    assert choice.message.content == expected["text"]
    assert choice.finish_reason == ("stop" if expected["stopped"] else "length")
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert [one.token for one in choice.logprobs.content] == [
        one["text"] for one in expected["tokens"]
    ]
    assert [one.logprob for one in choice.logprobs.content] == [
        one["logprob"] for one in expected["tokens"]
    ]
    assert whole.usage is not None
    assert whole.usage.prompt_tokens == expected["prompt_tokens"]
    assert whole.usage.completion_tokens == len(expected["tokens"])
    stream = client.chat.completions.create(
        model="tiny",
        messages=messages,
        max_tokens=12,
        stream=True,
        stream_options={"include_usage": True},
        **asked,
    )
    parts = list(stream)
    said = [one.choices[0].delta.content or "" for one in parts if one.choices]
    assert "".join(said) == expected["text"]
    assert len(said) > 3
    assert parts[-1].usage == whole.usage
    assert parts[-2].choices[0].finish_reason == choice.finish_reason


def test_several_answers_and_a_conversation(client: openai.OpenAI, running: Running) -> None:
    messages: Any = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": "again"}]},
    ]
    found = client.chat.completions.create(
        model="lora", messages=messages, max_tokens=6, temperature=1.0, n=3
    )
    assert [one.index for one in found.choices] == [0, 1, 2]
    assert len({one.message.content for one in found.choices}) > 1
    assert [one.id for one in client.models.list()] == ["lora", "dora", "tiny"]
    assert client.models.retrieve("dora").id == "dora"


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"model": "tinny"}, openai.NotFoundError, "did you mean tiny"),
        ({"max_tokens": 301}, openai.BadRequestError, "300 are written at most"),
        ({"temperature": -1.0}, openai.BadRequestError, "temperature must be a number from 0"),
        (
            {"messages": [{"role": "user", "content": "a b " * 400}]},
            openai.BadRequestError,
            "context",
        ),
        (
            {"messages": [{"role": "user", "content": "a b " * 400}], "stream": True},
            openai.BadRequestError,
            "context",
        ),
        ({"tools": []}, openai.BadRequestError, "unknown key 'tools'"),
    ],
)
def test_what_a_client_is_told(
    asked: dict[str, Any], kind: type[openai.APIStatusError], said: str, client: openai.OpenAI
) -> None:
    values: Any = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 4,
        **asked,
    }
    with pytest.raises(kind, match=said):
        client.chat.completions.create(**values)


def test_a_model_that_labels_nothing(running: Running) -> None:
    answer = running.classify(model="tiny", text="a")
    assert answer.status_code == 400
    assert "use /v1/chat/completions" in answer.json()["error"]["message"]


# As those of Gemma and Mistral.
STRICT = (
    "{% for one in messages %}{% if (one['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ one['content'] }}{% endfor %}"
)


@dataclass(frozen=True)
class _Failing(LocalModel):
    """A model that fails behind its first step."""

    def stream(self, prompts: Any, settings: Any, **more: Any) -> Iterator[Progress]:
        yield next(super().stream(prompts, settings, **more))
        raise ValueError("private matter")


def test_a_template_that_refuses_and_a_model_that_fails(running: Running) -> None:
    tiny = running.service.served["tiny"]
    assert tiny.answerer is not None
    tokenizer = copy(tiny.answerer.tokenizer)
    tokenizer.chat_template = STRICT
    failing = _Failing("failing", tiny.answerer.model, tiny.answerer.tokenizer)
    opened = {
        "strict": replace(tiny, id="strict", answerer=replace(tiny.answerer, tokenizer=tokenizer)),
        "failing": replace(tiny, id="failing", answerer=failing),
    }
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}] * 2, "max_tokens": 4}
    with listening(opened) as one:
        for stream in (False, True):
            body = {**asked, "model": "strict", "stream": stream}
            refused = one.client.post("/v1/chat/completions", json=body)
            assert refused.status_code == 400
            assert "take turns" in refused.json()["error"]["message"]
        body = {**asked, "model": "failing", "stream": True}
        failed = one.client.post("/v1/chat/completions", json=body)
        counted = one.client.get("/metrics").text
    assert "the service failed; its log names the request." in failed.text
    line = next(one for one in one.lines if "error" in one)
    assert (line["error"], line["where"].partition(":")[0]) == ("ValueError", __name__)
    assert "private" not in failed.text + json.dumps(one.lines)
    assert 'tunelab_errors_total{path="/v1/chat/completions",error="ValueError"} 1' in counted


def test_an_answer_nobody_reads_ends_and_labels_come_in_between(
    running: Running, client: openai.OpenAI
) -> None:
    messages: Any = [{"role": "user", "content": "go on"}]
    stream = client.chat.completions.create(
        model="tiny", messages=messages, max_tokens=300, temperature=1.5, stream=True
    )
    with stream:
        next(iter(stream))
        assert running.classify(model="lora", text="who is there").status_code == 200
    # The client is gone before the end; the thread of the models becomes free.
    deadline = time.monotonic() + 10
    while running.service.traffic.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.service.traffic.in_flight == 0
