"""The command line: help without torch, and one sentence for every wrong call."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Workspace
from tunelab.cli.main import VERBS, main, make_parser
from tunelab.errors import UsageError


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from tunelab.cli.main import main; code = main(['--help']);"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'sklearn', 'pydantic', 'yaml'};"
        "print(sorted(heavy & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert verb in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rum"], "did you mean run"),
        (["run"], "STUDY"),
        (["run", "startr"], "did you mean starter"),
        (["run", "missing.yaml"], "no study file"),
        (["run", "starter", "nonsense"], "neither an option nor key=value"),
        (["run", "starter", "data.sample.trian=3"], "did you mean data.sample.train"),
        (["run", "starter", "--format", "xml"], "invalid choice"),
        (["predict", "missing.txt", "--adapter", "x"], "no file"),
        (["evaluate", "missing.csv", "--model", "smollm2-135m-instruct"], "no file"),
        (["evaluate", "missing.csv"], "--model NAME"),
        (["report", "missing"], "not a run folder"),
        (["train", "starter", "--method", "lorra"], "did you mean lora"),
    ],
)
def test_wrong_calls(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("tunelab: ")
    assert len(told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.sample.train=5000", "more rows than there are"),
        ("data.text=txt", "did you mean text"),
        ("data.label=lable", "did you mean label"),
        ("prompt.max_length=4096", "longer than the model's context"),
        ("prompt.max_length=10", "leaves no room"),
        ("methods.0.targets=[q_prj]", "did you mean q_proj"),
    ],
)
def test_settings_that_do_not_fit(
    override: str,
    message: str,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert main(["run", str(workspace.study), override, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert message in told


def test_doctor_hides_the_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret_of_the_test")
    assert main(["doctor", "--format", "json"]) == 0
    told = capsys.readouterr().out
    assert "hf_secret" not in told
    assert '"Hugging Face token": "present"' in told
    assert "preset starter" in told


@pytest.mark.parametrize(
    ("words", "seeds", "overrides"),
    [
        (["starter", "--seeds", "1", "2", "training.epochs=1"], [1, 2], ["training.epochs=1"]),
        (["--seeds", "1", "2", "starter", "seed=3"], [1, 2], ["seed=3"]),
        (["--seeds", "7", "starter"], [7], []),
        (["starter", "a=1", "--seeds", "1", "--trials", "3", "b=2"], [1], ["a=1", "b=2"]),
        (["starter", "--seeds", "1", "2", "3"], [1, 2, 3], []),
        (["starter", "--seeds", "4", "x=1", "--out", "runs/a", "y=2"], [4], ["x=1", "y=2"]),
        (["starter", "--seeds=5", "x=1"], [5], ["x=1"]),
    ],
)
def test_a_list_of_numbers_ends_at_the_first_other_word(
    words: list[str], seeds: list[int], overrides: list[str]
) -> None:
    found = make_parser("sweep").parse_numbers_and_words(words)
    assert (found.study, found.seeds, found.overrides) == ("starter", seeds, overrides)


@pytest.mark.parametrize("words", [["starter", "--seeds", "a=1"], ["starter", "--seeds"]])
def test_a_list_of_numbers_needs_one(words: list[str]) -> None:
    with pytest.raises(UsageError, match="--seeds: expected at least one argument"):
        make_parser("sweep").parse_numbers_and_words(words)


def test_numbers_before_an_action() -> None:
    found = make_parser("tokenize").parse_numbers_and_words(
        ["--vocabulary", "4000", "8000", "train", "--file", "a.txt"]
    )
    assert (found.action, found.vocabulary) == ("train", [4000, 8000])
