"""`tunelab generate`: one answer streamed, many compared, and nothing lost when it is cut."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace, build_model, build_tokenizer, write_model
from loopback import Answering, serving
from tunelab.cli.main import main
from tunelab.generation.comparison import MEASURES
from tunelab.generation.generate import generate
from tunelab.generation.settings import GenerationSettings

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(workspace: Workspace) -> str:
    return str(workspace.folder / "model")


@pytest.fixture(scope="module")
def other(workspace: Workspace) -> str:
    return str(write_model(workspace.folder / "second", seed=1))


def _own(prompt: Any, template: bool = True, **settings: Any) -> Any:
    tokenizer = build_tokenizer() if template else build_tokenizer(None)
    asked = [{"role": "user", "content": prompt}] if template else prompt
    [[answer]] = generate(
        build_model("llama", len(tokenizer)), tokenizer, [asked], GenerationSettings(**settings)
    )
    return answer


def test_one_answer_is_streamed(model: str, capsys: Captured) -> None:
    words = ["generate", "the rain", "--model", model, "--max-new-tokens", "7"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.out == _own("the rain", max_new_tokens=7).text + "\n"
    assert "(7 tokens, first after " in told.err
    assert "ended by: length)" in told.err
    assert main([*words, "--plain"]) == 0
    assert capsys.readouterr().out == _own("the rain", False, max_new_tokens=7).text + "\n"


def test_settings_reach_the_model(model: str, capsys: Captured) -> None:
    words = ["generate", "love", "--model", model, "--max-new-tokens", "9", "--format", "json"]
    more = ["--temperature", "0.9", "--top-k", "50", "--top-p", "0.9", "--min-p", "0.01"]
    assert main([*words, *more, "--repetition-penalty", "1.3", "--seed", "5"]) == 0
    found = json.loads(capsys.readouterr().out)
    own = _own(
        "love",
        temperature=0.9,
        top_k=50,
        top_p=0.9,
        min_p=0.01,
        repetition_penalty=1.3,
        seed=5,
        max_new_tokens=9,
    )
    assert found["text"] == own.text
    assert [one["id"] for one in found["tokens"]] == [one.id for one in own.tokens]
    assert found["tokens"][0]["logprob"] == pytest.approx(own.tokens[0].logprob, abs=1e-4)


def test_models_side_by_side(model: str, other: str, tmp_path: Path, capsys: Captured) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("the rain\nlove [/INST] [bold]\nwindow\n", encoding="utf-8")
    words = ["generate", "--prompts", str(prompts), "--model", model, "--model", other]
    words += ["--temperature", "0", "--temperature", "1", "--samples", "2"]
    words += ["--max-new-tokens", "5"]
    assert main([*words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["answers"]) == 2 * (3 + 6)
    assert [(row["model"], row["temperature"]) for row in found["comparison"]] == [
        (name, temperature) for name in (model, other) for temperature in (0.0, 1.0)
    ]
    for row in found["comparison"]:
        assert set(MEASURES) <= set(row)
        assert row["open_tokens"]["value"] <= 5
    pairs = {(row["reader"], row["writer"]) for row in found["perplexity"]}
    assert pairs == {(a, b) for a in (model, other) for b in (model, other)}
    first = next(one["text"] for one in found["answers"])
    assert first == _own("the rain", max_new_tokens=5).text
    assert main(words) == 0
    table = capsys.readouterr().out
    for part in ("Answers", "Side by side", "How likely each model finds the answers", "[/INST]"):
        assert part in table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give one TEXT, or --prompts"),
        (["a", "--prompts", "checkable"], "give one TEXT, or --prompts"),
        (["a"], "name at least one --model"),
        (["a", "--model", "{model}", "--plain", "--template", "gemma"], "leave --template out"),
        (["a", "--model", "{model}", "--template", "gema"], "did you mean gemma"),
        (["a", "--model", "{model}", "--temperature", "-1"], "temperature must be"),
        (["a", "--model", "smollm2-135m"], "did you mean smollm2-135m-instruct"),
        (["a", "--model", "{model}", "--model", "gema-3-270m"], "did you mean gemma-3-270m"),
        (["a", "--model", "http://127.0.0.1/v1"], "must be an address and a model"),
        (["a", "--model", "http://127.0.0.1:9/v1#m", "--template", "gemma"], "its own template"),
        (["a " * 900, "--model", "{model}"], "and the model's context of 512"),
        ([" ", "--model", "{model}"], "none that is empty"),
    ],
)
def test_wrong_calls(words: list[str], message: str, model: str, capsys: Captured) -> None:
    assert main(["generate", *(word.replace("{model}", model) for word in words)]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""


def test_what_a_server_answered_is_shown_when_it_gives_up(
    model: str, tmp_path: Path, capsys: Captured
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("one\ntwo\nthree\n", encoding="utf-8")
    Answering.asked[:], Answering.left = [], 2
    with serving(Answering) as address:
        words = ["generate", "--prompts", str(prompts), "--model", model]
        words += ["--model", f"{address}/v1#m", "--max-new-tokens", "3", "--format", "json"]
        assert main(words) == 1
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert len(found["answers"]) == 3 + 2
    assert [one["text"] for one in found["answers"][3:]] == ["answer 1: 4", "answer 2: 4"]
    last = told.err.splitlines()[-1]
    assert last.startswith("tunelab: the endpoint http://127.0.0.1:")
    assert last.endswith("out of memory.")


def test_ctrl_c_prints_what_was_answered(model: str, tmp_path: Path) -> None:
    """A real process gets a real signal, once it has told of a first answer."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"the rain {n}" for n in range(200)), encoding="utf-8")
    script = (
        "import os, signal, sys\n"
        "from tunelab.generation import side_by_side\n"
        "plain = side_by_side.OpenAnswer\n"
        "def told(**values):\n"
        "    if values['prompt'] == 'prompt-20':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return plain(**values)\n"
        "side_by_side.OpenAnswer = told\n"
        "from tunelab.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["generate", "--prompts", str(prompts), "--model", model, "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words, "--max-new-tokens", "40"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    found = json.loads(done.stdout)
    assert 0 < len(found["answers"]) < 200
    assert all(one["ending"] != "interrupted" for one in found["answers"])
