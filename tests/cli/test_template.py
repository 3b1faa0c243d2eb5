"""`tunelab template`: renderings beside one another, marked, and what the lint finds."""

import json

import pytest

from conftest import Workspace
from tunelab.cli.main import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(workspace: Workspace) -> str:
    return str(workspace.folder / "model")


def test_own_none_and_a_wrong_one(model: str, capsys: Captured) -> None:
    words = ["template", "--model", model, "--user", "the rain", "--system", ""]
    assert main([*words, "--format", "json"]) == 0
    own, none, wrong = json.loads(capsys.readouterr().out)
    assert [view["name"] for view in (own, none, wrong)] == ["own", "none", "llama-3"]
    assert own["text"] == "<|im_start|>user\nthe rain<|im_end|>\n<|im_start|>assistant\n"
    assert (own["controls"], none["controls"], wrong["controls"]) == (3, 0, 0)
    assert own["differs_from_first"] == []
    assert none["differs_from_first"]
    assert own["findings"] == []
    # The markers of another model's template are no tokens of this one.
    assert {one["rule"] for one in wrong["findings"]} >= {"markers"}
    assert main([*words, "--show"]) == 0
    table = capsys.readouterr().out
    for part in ("own: ", "3 of them control tokens", "What the lint finds", "at token 0", "→"):
        assert part in table
    assert "add_generation_prompt" in table


def test_text_with_markup_is_shown_as_it_is(model: str, capsys: Captured) -> None:
    asked = "[bold]x[/INST] [/nothing] {{ y }}"
    for template in ("own", "none", "mistral"):
        words = ["template", "--model", model, "--user", asked, "--template", template]
        assert main(words) == 0
        shown = capsys.readouterr().out.replace("│", "").replace("\n", "")
        assert "[bold]" in shown
        assert "[/nothing]" in shown


def test_what_a_template_refuses_is_told(
    model: str, capsys: Captured, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("t") / "refusing.jinja"
    path.write_text("{{ raise_exception('no [/INST] here') }}", encoding="utf-8")
    assert main(["template", "--model", model, "--template", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "cannot render this conversation" in shown


def test_wrong_calls(model: str, capsys: Captured) -> None:
    for words, message in (
        (["--template", "gema"], "did you mean gemma"),
        (["--template", "absent.jinja"], "cannot read the template"),
    ):
        assert main(["template", "--model", model, *words]) == 2
        told = capsys.readouterr().err
        assert message in told
        assert len(told.splitlines()) == 1
