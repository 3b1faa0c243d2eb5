"""`tunelab chat`: talking, commands, files, an interrupt by a real signal, and played files."""

import io
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace, build_model, build_tokenizer, write_model
from loopback import Answering, serving
from tunelab.cli.main import main
from tunelab.generation.generate import generate
from tunelab.generation.settings import GenerationSettings

Captured = pytest.CaptureFixture[str]
Talk = Callable[..., Any]


@pytest.fixture(scope="module")
def model(workspace: Workspace) -> str:
    return str(workspace.folder / "model")


@pytest.fixture
def talk(model: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Talk:
    """Type lines into a chat; give its exit code, what it said, and what it told."""

    def typed(lines: list[str], *words: str, name: str | None = model, length: str = "6") -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        named = ["--model", name] if name else []
        sizes = ["--max-new-tokens", length] if length else []
        code = main(["chat", *named, *sizes, *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


def _answer(messages: list[dict[str, str]], **settings: Any) -> Any:
    tokenizer = build_tokenizer()
    values = {"max_new_tokens": 6, **settings}
    [[answer]] = generate(
        build_model("llama", len(tokenizer)), tokenizer, [messages], GenerationSettings(**values)
    )
    return answer


def _said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def test_a_chat_and_its_history(talk: Talk) -> None:
    code, out, err = talk(["hello", "", "and?", "/history"], "--system", "Be kind.")
    first = _answer([_said("system", "Be kind."), _said("user", "hello")])
    second = _answer(
        [
            _said("system", "Be kind."),
            _said("user", "hello"),
            _said("assistant", first.text.strip()),
            _said("user", "and?"),
        ]
    )
    assert code == 0
    assert out == (
        f"{first.text}\n{second.text}\n"
        f"user: hello\nassistant: {first.text.strip()}\n"
        f"user: and?\nassistant: {second.text.strip()}\n"
    )
    assert "(its length is reached; /continue resumes it)" in err


def test_saved_and_gone_on_with(talk: Talk, tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    found = (
        (seed, _answer([_said("user", "hello")], temperature=0.8, seed=seed, max_new_tokens=12))
        for seed in range(50)
    )
    seed, whole = next((seed, answer) for seed, answer in found if not answer.stopped)
    sampled = ["--temperature", "0.8", "--seed", str(seed)]
    _, out, err = talk(["hello"], "--save", str(path), *sampled)
    assert f"saved in {path}" in err
    assert whole.text.startswith(out.removesuffix("\n"))
    # A chat that is loaded goes on with the answer that was cut, as if it had not been.
    code, out, _ = talk(["/continue"], "--load", str(path), name=None, length="")
    assert code == 0
    assert out == whole.text + "\n"
    again = tmp_path / "again.json"
    talk([f"/load {path}", "/continue", f"/save {again}"])
    stored = json.loads(again.read_text(encoding="utf-8"))
    assert stored["messages"] == [_said("user", "hello"), _said("assistant", whole.text.strip())]
    assert stored["settings"]["seed"] == seed


def test_commands(talk: Talk) -> None:
    lines = [
        *("/help", "/continue", "/again", "/set temperature=1.5", "/set temperatur=1"),
        *("/settings", "/system Speak.", "hello", "/again", "/clear", "/history", "/nonsense"),
        *("/save", "/load absent.json", "/quit", "never asked"),
    ]
    code, out, err = talk(lines, "--seed", "1")
    assert code == 0
    for part in (
        "/system TEXT",
        "there is no answer that was cut",
        "nothing was asked yet",
        "did you mean temperature",
        "temperature=1.5",
        "unknown command '/nonsense'",
        "name a file: /save FILE",
        "absent.json is missing",
    ):
        assert part in err, part
    asked = [_said("system", "Speak."), _said("user", "hello")]
    first, second = (_answer(asked, temperature=1.5, seed=seed).text for seed in (1, 2))
    assert first != second
    assert out == f"{first}\n{second}\n"


def test_another_model_and_template_within_a_conversation(
    talk: Talk, workspace: Workspace, model: str
) -> None:
    other = str(write_model(workspace.folder / "third", seed=2))
    lines = ["hello", f"/model {other}", "and?", "/template mistral", "so?"]
    lines += ["/template nonsense", "/model nonsense", "/settings", "/template none"]
    _, out, err = talk([*lines, f"/model {model}", "/again"])
    tokenizer = build_tokenizer()
    from tunelab.prompts.template_catalog import choose_template

    said = [_said("user", "hello")]
    texts: list[str] = []
    for seed, template, question, draw in (
        (0, "own", "and?", 42),
        (2, "own", "so?", 42),
        (2, "mistral", "", 42),
        (0, "none", "", 43),
    ):
        if texts and template == "none":
            said.pop()
        [[answer]] = generate(
            build_model("llama", len(tokenizer), seed),
            choose_template(tokenizer, template),
            [said],
            GenerationSettings(max_new_tokens=6, seed=draw),
        )
        texts.append(answer.text)
        said.append(_said("assistant", answer.text.strip()))
        if question:
            said.append(_said("user", question))
    assert out == "".join(f"{text}\n" for text in texts)
    assert "unknown template 'nonsense'" in err
    assert "unknown model 'nonsense'" in err
    # What could not be opened changed nothing.
    assert f"{other}, template mistral, system ''" in err


def test_a_question_that_does_not_fit_is_refused_with_the_numbers(talk: Talk) -> None:
    code, out, err = talk(["a " * 900, "hello", "/set max_new_tokens=5000", "again"])
    assert code == 0
    assert out.startswith(_answer([_said("user", "hello")]).text)
    assert "and only 506 fit the context beside the answer" in err
    assert "and only 0 fit the context beside the answer" in err


def test_a_long_chat_is_trimmed_with_a_notice(talk: Talk) -> None:
    _, _, err = talk([f"{number} " + "window " * 60 for number in range(9)])
    assert "messages were left out: the conversation has" in err


def test_a_server_that_fails_keeps_the_question(talk: Talk) -> None:
    Answering.asked[:], Answering.left = [], 1
    with serving(Answering) as address:
        code, out, err = talk(["one", "two", "/history"], name=f"{address}/v1#m")
    assert code == 0
    assert out == "answer 1: 4\nuser: one\nassistant: answer 1: 4\nuser: two\n"
    assert "the question is kept; /again asks it once more" in err
    assert "gave no complete answer in 4 tries: it failed with status 500: out of memory." in err


def test_an_interrupt_ends_an_answer_and_it_goes_on(workspace: Workspace, tmp_path: Path) -> None:
    """A real process and a real Ctrl-C."""
    model = str(workspace.folder / "model")
    saved = tmp_path / "chat.json"
    words = ["chat", "--model", model, "--max-new-tokens", "450", "--save", str(saved)]
    process = subprocess.Popen(
        workspace.command(*words, "--temperature", "0.9", "--seed", "4"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate("/continue\n", timeout=300)
    assert process.returncode == 0, err
    assert "(interrupted; /continue resumes it)" in err
    stored = json.loads(saved.read_text(encoding="utf-8"))
    whole = _answer([_said("user", "hello")], temperature=0.9, seed=4, max_new_tokens=450)
    found = stored["messages"][-1]["content"]
    # It goes on for as many tokens again, so the undisturbed answer is its beginning.
    assert len(whole.tokens) > 20
    assert len(found) >= len(whole.text.strip())
    assert found.startswith(whole.text.strip().rstrip("\ufffd"))


def test_a_played_file(model: str, capsys: Captured) -> None:
    words = ["chat", "--play", "two-experts", "--model", model, "--max-new-tokens", "5"]
    assert main([*words, "--turns", "1", "--format", "json"]) == 0
    own, none = json.loads(capsys.readouterr().out)
    assert (own["template"], none["template"]) == ("own", "none")
    for played in (own, none):
        assert [line["speaker"] for line in played["lines"]] == ["Ada", "Ben", "Ada"]
        assert played["error"] is None
        assert played["consistency"] == pytest.approx(
            sum(line["score"]["share"] for line in played["lines"]) / 3
        )
    assert main([*words, "--template", "gemma"]) == 0
    table = capsys.readouterr().out
    assert "two-experts" in table
    assert "template: gemma" in table
    assert "Persona consistency" in table


def test_a_play_that_ends_early_keeps_what_was_said(
    model: str, capsys: Captured, tmp_path: Path
) -> None:
    Answering.asked[:], Answering.left = [], 2
    with serving(Answering) as address:
        words = ["chat", "--play", "two-experts", "--model", f"{address}/v1#m", "--format", "json"]
        assert main(words) == 1
    [played] = json.loads(capsys.readouterr().out)
    assert [line["text"] for line in played["lines"]] == ["answer 1: 4", "answer 2: 4"]
    assert played["error"].endswith("out of memory.")
    # A later line that does not fit ends it too, and one that never fits is a wrong call.
    long = tmp_path / "long.yaml"
    told = "window " * 900
    long.write_text(
        "speakers: [{name: A}, {name: B}]\n"
        f"turns: [{{speaker: A, text: hi}}, {{speaker: B}}, {{speaker: A, text: '{told}'}}]\n"
        "further: 1\n",
        encoding="utf-8",
    )
    words = ["chat", "--play", str(long), "--model", model, "--max-new-tokens", "5"]
    assert main([*words, "--template", "own", "--format", "json"]) == 1
    [played] = json.loads(capsys.readouterr().out)
    assert len(played["lines"]) == 3
    assert "fit the context beside the answer" in played["error"]
    long.write_text(
        f"speakers: [{{name: A, persona: '{told}'}}, {{name: B}}]\nturns: [{{speaker: A}}]\n",
        encoding="utf-8",
    )
    assert main(words) == 2
    assert "fit the context beside the answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a --model, or --load a chat"),
        (["--play", "two-experts"], "name the --model that plays"),
        (["--play", "two-expert", "--model", "x"], "did you mean two-experts"),
        (
            ["--play", "two-experts", "--model", "x", "--turns", "-1"],
            "--turns must be from 0",
        ),
        (["--model", "gema-3-270m"], "did you mean gemma-3-270m"),
    ],
)
def test_wrong_calls(words: list[str], message: str, capsys: Captured) -> None:
    assert main(["chat", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
