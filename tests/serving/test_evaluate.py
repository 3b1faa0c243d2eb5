"""Evaluation outside a study: several models at once, and stored predictions measured again."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Workspace, write_adapter, write_model
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
    rows: Any = table[table["run"] == "lora"]
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
    monkeypatch.setattr("tunelab.classifiers.asked.load", None)
    monkeypatch.setattr("tunelab.classifiers.tuned.open_classifier", None)
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


@pytest.fixture(scope="module")
def adapters(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters on the model of the workspace, of three labels and of two."""
    folder = tmp_path_factory.mktemp("adapters")
    write_adapter(workspace.folder / "model", folder / "three", labels=("joy", "fear", "anger"))
    write_adapter(workspace.folder / "model", folder / "two", labels=("joy", "fear"))
    return folder


def _rows(path: Path, *labels: str) -> str:
    lines = [f"we sat at the window {number},{label}" for number, label in enumerate(labels)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


_QUICK = ("evaluation.resamples=100", "evaluation.max_new_tokens=4")


@pytest.mark.parametrize("file", [["joy"] * 4, ["joy", "fear"] * 2, ["anger", "joy", "fear"]])
def test_an_adapters_labels_take_part_whatever_the_file_has(
    file: list[str],
    workspace: Workspace,
    adapters: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = _rows(tmp_path / "rows.csv", *file)
    words = ["--adapter", str(adapters / "three"), "--model", str(workspace.folder / "model")]
    words += ["--save", str(tmp_path / "kept.parquet"), "--format", "json", *_QUICK]
    assert main(["evaluate", rows, *words]) == 0
    captured = capsys.readouterr()
    model, tuned = json.loads(captured.out)
    for result in (model, tuned):
        assert result["possible_labels"] == ["joy", "fear", "anger"]
        assert result["absent_labels"] == [
            label for label in ("joy", "fear", "anger") if label not in file
        ]
        counted = [
            entry["label"] for entry in result["scores"]["classes"] if entry["f1"] is not None
        ]
        assert result["f1_macro_labels"] == counted
    assert model["labels_from"] == "those of three"
    assert "the possible answers are joy, fear, anger" in captured.err
    assert ("which can still be answered" in captured.err) == (len(set(file)) < 3)
    assert ("all rows have one label" in captured.err) == (len(set(file)) == 1)
    table = pd.read_parquet(tmp_path / "kept.parquet")
    assert {tuple(labels) for labels in table["labels"]} == {("joy", "fear", "anger")}
    assert len(tuned["comparisons"]) == 0
    # Macro-F1 is undecided where a label has one row, or where one answers a label of no row.
    for entry in model["comparisons"]:
        assert entry["metric"] == "f1_macro" or entry["value"] is not None


def test_rows_of_an_unknown_label_count_as_wrong(
    adapters: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ["joy", "fear", "anger", "joy"]
    kept = str(tmp_path / "kept.parquet")
    words = ["--adapter", str(adapters / "three"), "--format", "json", *_QUICK]
    words += ["evaluation.normalize=mean", "evaluation.calibrate=true"]
    file = _rows(tmp_path / "rows.csv", *known)
    (alone,) = _json(capsys, "evaluate", file, *words)
    file = _rows(tmp_path / "more.csv", *known, "calm", "bored", "calm", "calm")
    assert main(["evaluate", file, *words, "--save", kept]) == 0
    captured = capsys.readouterr()
    (result,) = json.loads(captured.out)
    assert result["unknown_labels"] == {"bored": 1, "calm": 3}
    assert "'calm' (3 rows), 'bored' (1 row) cannot be answered" in captured.err
    assert "these 4 rows count as wrong" in captured.err
    for way in ("generated", "scored"):
        assert result[way]["scores"]["accuracy"] == alone[way]["scores"]["accuracy"] / 2
    assert result["forced"]["value"] == alone["forced"]["value"] / 2
    assert result["possible_labels"] == ["joy", "fear", "anger"]
    assert {"bored", "calm"} <= set(result["f1_macro_labels"])
    (again,) = _json(capsys, "evaluate", kept, *words[2:])
    for key in ("scores", "scored", "possible_labels", "unknown_labels", "f1_macro_labels"):
        assert again[key] == result[key]


def test_adapters_with_other_labels_are_not_compared(
    adapters: Path, tmp_path: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--adapter", str(adapters / "three"), "--adapter", str(adapters / "two"), *_QUICK]
    words += ["--model", str(workspace.folder / "model"), "--format", "json"]
    file = _rows(tmp_path / "rows.csv", "joy", "fear", "anger")
    assert main(["evaluate", file, *words]) == 0
    captured = capsys.readouterr()
    model, three, two = json.loads(captured.out)
    assert two["unknown_labels"] == {"anger": 1}
    assert "three and two choose among different labels" in captured.err
    # Macro-F1 is not compared either where each label has one row.
    compared = {
        entry["right"]: entry["value"]
        for entry in model["comparisons"]
        if entry["metric"] == "accuracy"
    }
    assert compared["three"] is not None
    assert compared["two"] is None
    assert three["comparisons"][0]["reason"] == "the two choose among different labels"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("fear,joy,anger", ["fear", "joy", "anger"]),
        ('"a, b", joy', ["a, b", "joy"]),
        ("names.txt", ["joy", "no answer, yet"]),
        ("1,-1,joy", ["1", "-1", "joy"]),
        ("شادی,joy", ["شادی", "joy"]),
    ],
)
def test_labels_that_are_named(
    labels: str,
    expected: list[str],
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("joy\n\nno answer, yet\n", encoding="utf-8")
    file = _rows(tmp_path / "rows.csv", "joy", "joy")
    words = ["--model", str(workspace.folder / "model"), "--format", "json", *_QUICK]
    words += ["evaluation.modes=[score]"]
    (result,) = _json(capsys, "evaluate", file, *words, "--labels", labels)
    assert result["possible_labels"] == expected
    assert result["labels_from"] == "those of --labels"


@pytest.mark.parametrize(
    ("labels", "words", "message"),
    [
        (["joy", "joy"], ["--model", "MODEL"], "only one possible answer, 'joy'"),
        (["Joy", "FEAR"], ["--adapter", "ADAPTER"], "'Joy' (1 row), and three has joy, fear"),
        (["-1", "-1"], ["--adapter", "ADAPTER"], "'-1' (2 rows)"),
        (["joy", "fear"], ["--model", "MODEL", "--labels", "calm,bored"], "no label of the file"),
        (["joy", "fear"], ["--model", "MODEL", "--labels", "joy,joy"], "'joy' twice"),
        (["joy", "fear"], ["--model", "MODEL", "--labels", "joy,,fear"], "blank label"),
        (["joy", "fear"], ["--model", "MODEL", "--labels", "none.txt"], "there is no such file"),
        (["joy", "fear"], ["--adapter", "ADAPTER", "--labels", "joy,fear"], "there is no --model"),
        (["joy", "fear"], ["--adapter", "ADAPTER", "--save", "kept.csv"], "name a .parquet file"),
    ],
)
def test_labels_that_cannot_be_are_refused_before_a_model_is_loaded(
    labels: list[str],
    words: list[str],
    message: str,
    workspace: Workspace,
    adapters: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tunelab.serving.evaluate.load", None)
    monkeypatch.setattr("tunelab.serving.evaluate.open_classifier", None)
    positions = {"MODEL": workspace.folder / "model", "ADAPTER": adapters / "three"}
    file = _rows(tmp_path / "rows.csv", *labels)
    said = _json(
        capsys, "evaluate", file, *(str(positions.get(word, word)) for word in words), expect=2
    )
    assert message in said


def test_labels_of_the_file_are_told(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _rows(tmp_path / "rows.csv", "joy", "fear", "joy")
    words = ["--model", str(workspace.folder / "model"), "evaluation.modes=[score]", *_QUICK]
    assert main(["evaluate", file, *words]) == 0
    assert "the possible answers are fear, joy (those of the file)" in capsys.readouterr().err
