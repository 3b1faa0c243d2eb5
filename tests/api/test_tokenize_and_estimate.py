"""The tokenizer laboratory and the memory estimate, with plain arguments."""

import json
from typing import Any

import pytest

import tunelab
from conftest import Workspace
from tunelab.cli.main import main
from tunelab.errors import UsageError


def _shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_tokenize_gives_what_the_command_line_gives(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(workspace.folder / "model")
    table = tunelab.tokenize("Hello world, hello.", name)
    (shown,) = _shown(capsys, "tokenize", "--text", "Hello world, hello.", "--tokenizer", name)
    assert len(table) == 1
    assert table["tokens"][0] == shown["tokens"] == len(table["ids"][0])
    assert table["pieces"][0] == shown["pieces"]
    assert table["fertility"][0] == pytest.approx(shown["fertility"])
    assert table["round_trip"][0]


@pytest.mark.parametrize(
    ("text", "names", "told"),
    [
        ("a", "llama-3.3", "did you mean llama-3.2"),
        ("a", [], "at least one tokenizer"),
        ("a", ["smollm2", "smollm2"], "named twice"),
        ("half \ud83d", "smollm2", "surrogate"),
        (3, "smollm2", "must be a string, not int"),
    ],
)
def test_a_wrong_tokenize_is_told(text: Any, names: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        tunelab.tokenize(text, names)


def test_estimate_gives_what_the_command_line_gives(capsys: pytest.CaptureFixture[str]) -> None:
    found = tunelab.estimate(
        "smollm2-135m-instruct", "lora", batch=8, length=64, memory=4, device="cpu", r=4
    )
    shown = _shown(
        capsys,
        *("estimate", "--model", "smollm2-135m-instruct", "--method", "lora", "r=4"),
        *("--batch", "8", "--length", "64", "--memory", "4", "--device", "cpu"),
    )
    assert (found.trainable, found.total) == (shown["trainable"], shown["total"])
    assert {**found.bytes, "peak": found.peak} == shown["bytes"]
    assert found.largest_batch == shown["largest_batch"]
    assert found.memory == 4_000_000_000
    assert list(found.terms["formula"]) == [term["formula"] for term in shown["terms"]]


def test_estimate_speaks_of_this_machine_by_default() -> None:
    found = tunelab.estimate("smollm2-135m-instruct")
    assert found.memory > 1e9
    assert found.peak > found.bytes["weights"] > 0


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        (("smollm",), {}, "unknown model"),
        (("smollm2-135m-instruct", "lorra"), {}, "did you mean"),
        (("smollm2-135m-instruct",), {"rr": 4}, "unknown key 'rr'"),
        (("smollm2-135m-instruct",), {"precision": "float64"}, "unknown precision 'float64'"),
        (("smollm2-135m-instruct",), {"weights": "2-bit"}, "unknown form of weights"),
        (("smollm2-135m-instruct",), {"optimizer": "adam"}, "unknown optimizer"),
        (("smollm2-135m-instruct",), {"device": "tpu"}, "unknown device"),
        (("smollm2-135m-instruct",), {"batch": 0}, "batch"),
        (("smollm2-135m-instruct",), {"memory": 0}, "above 0"),
    ],
)
def test_a_wrong_estimate_is_told(
    arguments: tuple[str, ...], settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        tunelab.estimate(*arguments, **settings)
