"""A study is run from Python, and its run is read as objects and data frames."""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tunelab
from api_studies import small_study
from conftest import Workspace
from tunelab.api.run import open_study
from tunelab.cli.main import main
from tunelab.config import Models
from tunelab.errors import TunelabError, UsageError


def test_scores_are_those_of_the_records(trained: Any) -> None:
    scores = trained.scores
    assert list(scores["name"]) == ["majority", "instruct", "lora"]
    assert list(scores["rows"]) == [9, 9, 9]
    table = pd.read_parquet(trained.folder / "results.parquet")
    for _, row in scores.iterrows():
        for metric in ("accuracy", "f1_macro", "f1_weighted"):
            kept = table[(table["run"] == row["name"]) & (table["metric"] == metric)].iloc[0]
            assert row[metric] == pytest.approx(kept["value"])
            low = row[f"{metric}_low"]
            # Undefined in both, or the same in both.
            assert pd.isna(low) == pd.isna(kept["low"])
            assert pd.isna(low) or low == pytest.approx(kept["low"])
    # What is undefined is missing, and no number.
    assert scores["seed"].isna().tolist() == [True, True, False]
    assert str(scores["seed"].dtype) == "Int64"


def test_predictions_have_a_row_for_each_classifier_and_text(trained: Any) -> None:
    predictions = trained.predictions
    assert len(predictions) == 27
    assert list(predictions.columns[:8]) == [
        *("name", "kind", "model", "method", "seed"),
        *("row", "text", "truth"),
    ]
    right = (predictions["predicted"] == predictions["truth"]).groupby(predictions["name"]).mean()
    for _, row in trained.scores.iterrows():
        assert right[row["name"]] == pytest.approx(row["accuracy"])


def test_verdicts_are_plain_objects(trained: Any) -> None:
    stored = json.loads((trained.folder / "verdicts.json").read_text(encoding="utf-8"))
    assert len(trained.verdicts) == 2
    for verdict, kept in zip(trained.verdicts, stored["claims"], strict=True):
        assert verdict.tests == stored["tests"]["claims"]
        assert verdict.claim == kept["claim"]
        assert verdict.verdict == kept["verdict"]
        assert verdict.difference == kept["difference"]["value"]
        assert verdict.p_corrected == kept["p_corrected"]
    assert trained.verdicts[1].right == 0.33


def test_study_folder_and_report(trained: Any) -> None:
    assert isinstance(trained.study, tunelab.Study)
    assert trained.study.training.learning_rate == 0.01
    assert trained.failures == []
    report = trained.report
    written = report.stat().st_mtime_ns
    assert report == trained.folder / "report.html"
    assert trained.report.stat().st_mtime_ns == written


def test_a_report_is_built_where_it_is_missing_or_older(baselines: Any) -> None:
    baselines.report.unlink()
    assert baselines.report.is_file()
    os.utime(baselines.report, (1, 1))
    assert baselines.report.stat().st_mtime > 1


def test_the_representations_are_readable(trained: Any) -> None:
    text, html = repr(trained), trained._repr_html_()
    for name in ("majority", "instruct", "lora"):
        assert name in text
        assert f"<td>{name}</td>" in html
    assert "classifiers: 3, claims: 2" in text


def test_a_python_run_is_a_run_of_the_command_line(
    trained: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line finds every stage finished in the folder of a run from Python."""
    study = trained.folder.parent / "study.yaml"
    study.write_text((trained.folder / "study.yaml").read_text(encoding="utf-8"), "utf-8")
    record = next((trained.folder / "train").glob("lora-*/result.json"))
    before = record.stat().st_mtime_ns
    assert main(["run", str(study), "--out", str(trained.folder), "--format", "json"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("finished before, kept") == 8, shown.err
    assert record.stat().st_mtime_ns == before
    models = {one["name"]: one for one in json.loads(shown.out)["models"] if "scores" in one}
    for _, row in trained.scores.iterrows():
        assert models[row["name"]]["scores"]["accuracy"] == pytest.approx(row["accuracy"])


def test_every_way_to_name_a_study_gives_the_same_one(workspace: Workspace, tmp_path: Path) -> None:
    values = small_study(workspace)
    expected = open_study(values)
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps(values), encoding="utf-8")
    assert open_study(file) == open_study(str(file)) == open_study(expected) == expected
    assert open_study("starter").name == "starter"


def test_overrides_set_keys(workspace: Workspace) -> None:
    study = open_study(
        small_study(workspace),
        **{
            "training__epochs": 2.5,
            "training.learning_rate": 1e-5,
            "methods__0__r": 8,
            "prompt__system": 'One of "{labels}": yes\nور 🎈',
            "name": "other",
            "data": {"source": workspace.folder / "rows.csv"},
            "training__early_stopping": None,
            "evaluation__resamples": np.int64(200),
            "models": Models(base=None, instruct=str(workspace.folder / "model")),
        },
    )
    assert (study.training.epochs, study.training.learning_rate) == (2.5, 1e-5)
    assert study.methods[0].settings["r"] == 8
    assert study.prompt.system == 'One of "{labels}": yes\nور 🎈'
    assert study.name == "other"
    assert study.data.sample.train == "all"
    assert study.training.early_stopping is None
    assert study.evaluation.resamples == 200


@pytest.mark.parametrize(
    ("study", "overrides", "told"),
    [
        ("startr", {}, "did you mean starter"),
        ({"nam": "x"}, {}, "did you mean name"),
        ("starter", {"training__epoch": 1}, "did you mean training.epochs"),
        ("starter", {"training__epochs": 0}, "training.epochs = 0"),
        ("starter", {"training__epochs": float("nan")}, "training.epochs"),
        (["starter"], {}, "no list"),
        (None, {}, "no NoneType"),
        ("starter", {"out": 3}, "unknown key 'out'"),
        (
            "starter",
            {"data__source": pd.DataFrame()},
            "data.source holds a value of the type DataFrame",
        ),
        (
            {"data": {"source": pd.DataFrame()}},
            {},
            "data.source holds a value of the type DataFrame",
        ),
        (
            {"methods": [{"name": "lora", "r": object()}]},
            {},
            "methods.0.r holds a value of the type object",
        ),
    ],
)
def test_a_wrong_call_is_told_before_anything_begins(
    study: Any, overrides: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        open_study(study, **overrides)


def test_a_url_is_left_to_the_command_line(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="name a folder of this machine"):
        tunelab.run(small_study(workspace), out="s3://bucket/run")


def test_a_failure_is_raised_and_the_rest_can_be_opened(
    workspace: Workspace, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(workspace.folder / "model", broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    study = small_study(
        workspace, claims=[], methods=[], models={"base": None, "instruct": str(broken)}
    )
    with pytest.raises(TunelabError, match="instruct failed") as caught:
        tunelab.run(study, out=tmp_path / "failed")
    assert "tunelab.open_run(" in caught.value.__notes__[0]
    run = tunelab.open_run(tmp_path / "failed")
    assert [one.name for one in run.failures] == ["instruct"]
    assert list(run.scores["name"]) == ["majority"]
    assert "failed: instruct:" in repr(run)
    assert "<li>instruct:" in run._repr_html_()
    assert (tmp_path / "failed" / "report.html").is_file()


def test_logging_of_the_program_is_left_alone(trained: Any) -> None:
    logger = logging.getLogger("tunelab")
    assert logger.handlers == []
    assert logger.level == logging.NOTSET


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        tunelab.open_run(tmp_path)
