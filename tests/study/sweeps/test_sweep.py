"""Whole sweeps over a tiny model: choosing, pruning, failing, comparing, and their page."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Workspace
from tunelab.cli.main import main
from tunelab.errors import UsageError
from tunelab.report.sweep_page import build_sweep_page, table
from tunelab.study.opening import open_study
from tunelab.study.sweeps.description import make_sweep
from tunelab.study.sweeps.sweep import run_sweep

SPACE = {"methods.0.r": [2, 4, 8], "training.learning_rate": "1e-3..1e-1:log"}

SHORT = ["training.epochs=1", "evaluation.modes=[score]"]


def _sweep(workspace: Workspace, out: Path, *overrides: str, **keys: Any) -> dict[str, Any]:
    search_only = keys.pop("search_only", True)
    study = open_study(str(workspace.study), overrides)
    return run_sweep(study, make_sweep({"space": SPACE, **keys}), out, search_only=search_only)


@pytest.fixture(scope="module")
def swept(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("sweep") / "out"
    keys = {"trials": 5, "goals": ["best_loss"], "seeds": [1, 2], "search_only": False}
    return _sweep(workspace, out, *SHORT, **keys), out, keys


def test_trials_are_ranked(swept: Any) -> None:
    record, _, _ = swept
    trials = record["trials"]
    assert len(trials) == 5
    assert len({json.dumps(trial["values"]) for trial in trials}) == 5
    losses = [trial["goals"]["best_loss"] for trial in trials if trial["goals"]]
    assert losses == sorted(losses)
    assert record["winner"]["number"] == trials[0]["number"]
    # The sweep begins with the study's own setting.
    (own,) = [trial for trial in trials if trial["default"]]
    assert own["number"] == 0
    assert own["values"] == {"methods.0.r": 4, "training.learning_rate": 0.01}
    assert all(
        trial["measured"]["estimated_peak_bytes"] > 100_000 for trial in trials if trial["goals"]
    )


def test_no_trial_sees_a_test_row(swept: Any) -> None:
    record, out, _ = swept

    def texts(pattern: str) -> set[str]:
        return {text for path in out.glob(pattern) for text in pd.read_parquet(path)["text"]}

    test, train = texts("prepare/*/test.parquet"), texts("prepare/*/train.parquet")
    asked = texts("trials/*/evaluate/*/predictions.parquet")
    assert asked <= train
    assert not asked & test
    assert record["rows"] == {
        "trials learn from": 19,
        "trials are compared on": 5,
        "validation": 6,
        "winner learns from": 24,
        "test": 9,
    }
    assert not list(out.glob("trials/*/adapters"))


def test_the_winner_is_compared_on_test_rows(swept: Any) -> None:
    record, out, _ = swept
    comparison = record["comparison"]
    if record["trials"][0]["default"]:
        pytest.fail("choose another seed: the study's own setting won")
    assert comparison["seeds"] == [1, 2]
    assert comparison["rows"] == 9
    assert [one["metric"] for one in comparison["differences"]] == ["accuracy", "f1_macro"]
    for one in comparison["differences"]:
        sides = [
            comparison["sides"][name][one["metric"]]["value"] for name in ("winner", "default")
        ]
        if one["value"] is None:
            # Models this small may give all rows the same labels.
            assert one["reason"]
            assert one["verdict"] == "undecided"
        else:
            assert "2 seeds" in one["test"]
            assert one["value"] == pytest.approx(sides[0] - sides[1])
    for name in ("winner", "default"):
        assert len(list((out / name / "adapters").glob("lora-seed*"))) == 2


def test_a_second_call_repeats_nothing_and_may_add(workspace: Workspace, swept: Any) -> None:
    record, out, keys = swept
    before = {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}
    again = _sweep(workspace, out, *SHORT, **keys)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}
    assert again == record
    more = _sweep(workspace, out, *SHORT, **{**keys, "trials": 6, "search_only": True})
    assert len(more["trials"]) == 6
    assert {trial["number"] for trial in record["trials"]} < {
        trial["number"] for trial in more["trials"]
    }


def test_the_page_is_made_of_the_record(swept: Any) -> None:
    record, out, _ = swept
    (out / "sweep.json").write_text(json.dumps(record), encoding="utf-8")
    page = build_sweep_page(out).read_text(encoding="utf-8")
    bare = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert bare.count("<svg") == page.count("<figure data-chart>") == 2
    assert "methods.0.r" in bare
    assert "95 % interval" in bare
    assert "http://" not in bare.replace("http://www.w3.org", "")
    for name in ("sweep_settings", "sweep_importance"):
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert set(table(record)[0]) == set(table(record)[-1])


def test_two_goals_have_a_front(workspace: Workspace, tmp_path: Path) -> None:
    goals = ["accuracy", "trainable_parameters"]
    space = {"methods.0.r": [2, 4, 8]}
    record = _sweep(workspace, tmp_path, "training.epochs=1", goals=goals, trials=9, space=space)
    # The space holds three settings.
    assert len(record["trials"]) == 3
    assert not record["pruning"]
    smallest = min(record["trials"], key=lambda trial: trial["goals"]["trainable_parameters"])
    assert smallest["front"]
    assert smallest["values"] == {"methods.0.r": 2}
    page = build_sweep_page(tmp_path).read_text(encoding="utf-8")
    assert "The first goal against each other one" in page
    assert "the best of the front by accuracy" in page
    assert "none pruned" in page


def test_trials_that_fall_behind_are_pruned(workspace: Workspace, tmp_path: Path) -> None:
    rates = [0.01, 0.02, 0.03, 1e-9, 2e-9, 3e-9]
    record = _sweep(
        workspace,
        tmp_path,
        "training.epochs=1",
        space={"methods.0.learning_rate": rates},
        goals=["best_loss"],
        trials=6,
    )
    pruned = [trial for trial in record["trials"] if trial["state"] == "pruned"]
    assert pruned
    assert min(trial["values"]["methods.0.learning_rate"] for trial in pruned) < 1e-8
    for trial in pruned:
        assert "pruned after 0.67 epochs" in trial["reason"]
        assert trial["rank"] is None


def test_a_setting_that_cannot_be_fails_alone(workspace: Workspace, tmp_path: Path) -> None:
    record = _sweep(
        workspace,
        tmp_path,
        "methods=[{name: prompt_tuning, virtual_tokens: 4}]",
        "training.epochs=0.5",
        space={"prompt.max_length": [96, 460], "methods.0.virtual_tokens": [4, 100]},
        trials=4,
    )
    states = {
        tuple(trial["values"].values()): (trial["state"], trial["reason"])
        for trial in record["trials"]
    }
    assert len(states) == 4
    state, reason = states.pop((460, 100))
    assert state == "failed"
    assert "context of 512" in reason
    assert {state for state, _ in states.values()} == {"complete"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--space", "methods.0.dropuot=0..0.5"], "did you mean methods.0.dropout"),
        (["--space", "training.learning_rates=1..2"], "did you mean training.learning_rate"),
        (["--space", "methods.0.r=4.5..8"], "methods.0.r"),
        (["--space", "methods.3.r=4..8"], "must be a number from 0 to 0"),
        (["--space", "methods.0.r=4..512"], "methods.0.r=512"),
        (["--space", "data.sample.train=8..12"], "the same rows"),
        (["--space", "training.tracking=[[], [tensorboard]]"], "changes nothing"),
        (["--space", "methods.0.r=4..8", "--goal", "f1_makro"], "did you mean f1_macro"),
        (["--space", "methods.0.r=4..8", "--storage", "mysql://x"], "postgresql://USER@HOST"),
        (["--space", "methods.0.r=4..8", "--trials", "0"], "trials = 0"),
        (["--space", "methods.0.r=4..8", "--method", "lorra"], "did you mean lora"),
        (["--space", "methods.0.r=4..8", "--sweep", "missing.yaml"], "missing.yaml"),
        ([], "needs keys to search"),
        (
            ["methods=[{name: ia3}]", "--space", "training.learning_rate=1e-3..1"],
            "methods.0.learning_rate",
        ),
        (["methods=[{name: ia3}, {name: lora}]", "--space", "methods.1.r=4..8"], "--method"),
    ],
)
def test_wrong_calls(
    words: list[str],
    message: str,
    workspace: Workspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", str(workspace.study), "--out", str(tmp_path / "out"), *words]) == 2
    told = capsys.readouterr().err
    assert message in told.splitlines()[-1]
    assert not list(tmp_path.glob("out/trials/*"))


def test_a_missing_page_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run a sweep first"):
        build_sweep_page(tmp_path)
