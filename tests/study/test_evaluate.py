"""Evaluation outside a study: several models at once, and stored predictions measured again."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Workspace, write_model
from tunelab.cli.main import main
from tunelab.study.opening import open_study
from tunelab.study.run import run_study


def _json(capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0) -> Any:
    assert main(list(words)) == expect
    captured = capsys.readouterr()
    return json.loads(captured.out) if not expect else captured.err


def test_several_models_and_their_comparison(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_model(tmp_path / "other", seed=3)
    words = ["evaluate", str(workspace.folder / "rows.csv"), "--format", "json"]
    words += ["--model", str(workspace.folder / "model"), "--model", str(other)]
    words += ["--save", str(tmp_path / "kept.parquet"), "evaluation.resamples=200"]
    results = _json(capsys, *words)
    assert len(results) == 2
    for result in results:
        for metric in ("accuracy", "f1_macro", "f1_micro", "f1_weighted"):
            assert {"value", "low", "high", "reason"} <= set(result["intervals"][metric])
        assert result["scored"]["brier"] is not None
        assert result["forced"]["low"] is not None
    assert {entry["metric"] for entry in results[0]["comparisons"]} == {"accuracy", "f1_macro"}
    again = _json(
        capsys,
        "evaluate",
        str(tmp_path / "kept.parquet"),
        "--format",
        "json",
        "evaluation.resamples=200",
    )
    for first, second in zip(results, again, strict=True):
        assert second["name"] == first["name"]
        for key in ("scores", "intervals", "generated", "scored", "forced", "comparisons"):
            assert second[key] == first[key]


def test_stored_predictions_need_no_model(
    workspace: Workspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_study(open_study(str(workspace.study), ["evaluation.resamples=200"]), tmp_path / "run")
    monkeypatch.setattr("tunelab.models.loading.load", None)
    stored = str(tmp_path / "run" / "predictions.parquet")
    words = ["evaluate", stored, "--format", "json", "evaluation.resamples=200"]
    plain = {entry["name"]: entry for entry in _json(capsys, *words)}
    assert set(plain) == {"majority", "instruct", "lora"}
    mean = {entry["name"]: entry for entry in _json(capsys, *words, "evaluation.normalize=mean")}
    table = pd.read_parquet(stored)
    rows = table[table["run"] == "lora"]
    expected = [
        max(
            zip(row.logprobs / row.label_tokens, row.labels, strict=True), key=lambda pair: pair[0]
        )[1]
        for row in rows.itertuples()
    ]
    accuracy = sum(a == b for a, b in zip(expected, rows["truth"], strict=True)) / len(rows)
    assert mean["lora"]["scored"]["scores"]["accuracy"] == pytest.approx(accuracy)
    assert mean["lora"]["generated"] == plain["lora"]["generated"]
    assert mean["majority"]["scored"] is None


def test_a_changed_measure_asks_no_model_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, overrides = tmp_path / "run", ["evaluation.resamples=200"]
    first = run_study(open_study(str(workspace.study), overrides), out)
    monkeypatch.setattr("tunelab.study.cells.load", None)
    monkeypatch.setattr("tunelab.study.cells.open_adapter", None)
    again = run_study(
        open_study(str(workspace.study), [*overrides, "evaluation.normalize=mean"]), out
    )
    one, two = (
        {result.name: result.values for result in results if result.stage == "evaluate"}
        for results in (first, again)
    )
    assert two["lora"]["scored"]["normalize"] == "mean"
    assert two["lora"]["generated"] == one["lora"]["generated"]
    assert two["lora"]["forced"] == one["lora"]["forced"]


def test_examples_are_shown(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = str(workspace.folder / "rows.csv")
    words = ["evaluate", rows, "--model", str(workspace.folder / "model"), "--format", "json"]
    words += ["evaluation.modes=[score]", "evaluation.resamples=200"]
    bare = _json(capsys, *words)[0]
    shown = _json(capsys, *words, "--examples", rows, "evaluation.shots=3")[0]
    assert len(shown["prompt"]["shots"]) == 3
    assert len({label for _, label in shown["prompt"]["shots"]}) == 3
    assert shown["scored"]["brier"] != bare["scored"]["brier"]
    assert "go together" in _json(capsys, *words, "evaluation.shots=3", expect=2)


def test_a_file_of_rows_needs_a_model(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    message = _json(capsys, "evaluate", str(workspace.folder / "rows.csv"), expect=2)
    assert "name at least one --model" in message
