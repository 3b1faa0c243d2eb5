"""What `tunelab prepare --show` says that a method is trained on: words, or a head's label."""

import json
from pathlib import Path

import pytest

from conftest import TEXTS, Workspace
from tunelab.cli.main import main


def _shown(workspace: Workspace, out: Path, capsys: pytest.CaptureFixture[str], *own: str) -> str:
    words = ["prepare", str(workspace.study), "--out", str(out), "--show", "2", *own]
    assert main(words) == 0
    return capsys.readouterr().out


def test_a_head_learns_the_label(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "methods.0.answers=head"
    shown = json.loads(_shown(workspace, tmp_path, capsys, head, "--format", "json"))
    words = json.loads(_shown(workspace, tmp_path, capsys, "--format", "json"))
    assert (shown["answers"], words["answers"]) == ("head", "words")
    assert shown["lengths"]["trained_share"] == 0 < words["lengths"]["trained_share"]
    for row, worded in zip(shown["rows"], words["rows"], strict=True):
        assert row["answer"] in TEXTS
        assert worded["answer"] == f"{row['answer']}<|im_end|>"
        # The prompt alone, up to the token that the head reads.
        assert not any(token["trained"] for token in row["tokens"])
        assert row["tokens"] == worded["tokens"][: len(row["tokens"])]
        assert worded["tokens"][len(row["tokens"])]["trained"]
    drawn = " ".join(_shown(workspace, tmp_path, capsys, head).split())
    labels = sorted(TEXTS)
    first = shown["rows"][0]["answer"]
    assert f"label {labels.index(first) + 1} of {len(labels)}: '{first}'" in drawn
    assert "trained after it" not in drawn
    assert f"No token is trained: a head learns which of the {len(labels)} labels" in drawn


def test_a_study_of_both_shows_the_first(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = "methods=[{name: lora, r: 2}, {name: lora, r: 2, answers: head}]"
    shown = json.loads(_shown(workspace, tmp_path, capsys, both, "--format", "json"))
    assert shown["answers"] == "words"
