"""The room for an answer comes from the labels; too little of it is refused at the start."""

import json
import logging
from pathlib import Path

import pytest

from conftest import Workspace, build_tokenizer
from tunelab.classifiers.answer_room import (
    PREAMBLE,
    answer_limit,
    check_encoder,
    check_model,
    check_parsing,
)
from tunelab.cli.main import main
from tunelab.config import Evaluation, Prompt
from tunelab.errors import UsageError
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import Encoder

LONG = ["شادی و آرامش", "غم و اندوه", "خشم"]


def _encoder(labels: list[str], *, trained: bool = False) -> Encoder:
    tokenizer = build_tokenizer()
    format = make_format(tokenizer, system="{labels}", labels=labels, style="chat", max_length=300)
    return Encoder(tokenizer, format, trained=trained)


def test_the_room_comes_from_the_labels() -> None:
    asked, trained = _encoder(LONG), _encoder(LONG, trained=True)
    assert trained.answer_room == max(map(len, trained.answers.values())) > 8
    assert answer_limit(trained, Evaluation()) == trained.answer_room
    assert answer_limit(asked, Evaluation()) == asked.answer_room + PREAMBLE
    assert answer_limit(asked, Evaluation(max_new_tokens=90)) == 90
    with pytest.raises(UsageError, match="leaves no room for the label 'شادی و آرامش'"):
        answer_limit(asked, Evaluation(max_new_tokens=8))


def test_labels_that_a_tokenizer_cannot_write() -> None:
    from tokenizers import normalizers

    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    prompt = Prompt(system="{labels}")
    with pytest.raises(UsageError, match="same tokens of the labels 'US' and 'us'"):
        check_model(tokenizer, prompt, ["US", "us"], Evaluation(), name="tiny")
    # One label in capitals is read in small letters, which leaves no doubt.
    check_model(tokenizer, prompt, ["US", "uk"], Evaluation(), name="tiny")
    check_encoder(_encoder(LONG), Evaluation(), name="tiny")


def test_what_cannot_be_told_apart_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_parsing(["etc", "other"])
        assert not caplog.messages
        check_parsing(["etc", "etc."])
    assert "'etc' as 'etc.' is read as the label 'etc.'" in caplog.text
    with pytest.raises(UsageError, match="look the same"):
        make_format(
            build_tokenizer(),
            system="",
            labels=["caf\u00e9", "cafe\u0301"],
            style="chat",
            max_length=90,
        )


@pytest.mark.parametrize("verb", ["run", "train"])
def test_refused_before_anything_is_trained(
    verb: str, workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [verb, str(workspace.study), "--out", str(tmp_path / "out")]
    assert main([*words, "evaluation.max_new_tokens=2"]) == 2
    assert "evaluation.max_new_tokens=2 leaves no room for the label" in capsys.readouterr().err
    assert not (tmp_path / "out" / "train").exists()
    assert not (tmp_path / "out" / "evaluate").exists()


def test_evaluate_refuses_too(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    rows = str(workspace.folder / "rows.csv")
    words = ["evaluate", rows, "--model", str(workspace.folder / "model")]
    assert main([*words, "evaluation.max_new_tokens=1"]) == 2
    assert "leaves no room for the label" in capsys.readouterr().err


def test_predict_gives_long_labels(tmp_path: Path, workspace: Workspace) -> None:
    """Labels of many tokens come out of training, and out of predict, which takes no setting."""
    texts = {"we won": LONG[0], "too dark": LONG[1]}
    lines = ["text,label"]
    lines += [
        f"{text} {position},{label}" for text, label in texts.items() for position in range(12)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [
        "train",
        str(workspace.study),
        f"data.source={tmp_path / 'rows.csv'}",
        "data.sample={}",
    ]
    words += ["methods=[{name: full, learning_rate: 0.02}]", "training.epochs=30"]
    words += ["training.early_stopping=null", "evaluation.max_new_tokens=null"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    (tmp_path / "new.txt").write_text("we won 3\ntoo dark 4\n", encoding="utf-8")
    adapter = ["--adapter", str(tmp_path / "out" / "adapters" / "full")]
    out = tmp_path / "labels.jsonl"
    assert main(["predict", str(tmp_path / "new.txt"), *adapter, "--out", str(out)]) == 0
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in found] == list(texts.values())
