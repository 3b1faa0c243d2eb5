"""Reports of many labels, models, steps and long names: built, bounded and complete."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tunelab.report.build import build_report
from tunelab.report.figures import confusion, curves, labels, scores, sweep_front, sweep_settings
from tunelab.report.page import draw_figure
from tunelab.report.shortened import excerpt, listed, short_names
from tunelab.study.opening import open_study
from tunelab.study.run import run_study


def _run(folder: Path, names: list[str]) -> Path:
    """A run of the two baselines over as many labels, each with five rows."""
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for position, name in enumerate(names):
            writer.writerows(
                [f"about {position} and {position % 7} {copy}", name] for copy in range(5)
            )
    overrides = [
        f"data.source={folder / 'rows.csv'}",
        "data.sample={}",
        "models={base: null, instruct: null}",
        "methods=[]",
        "classifiers=[]",
        "generation=null",
        "conversations=[]",
        "tokenizers=[]",
        "claims=[]",
        "evaluation={resamples: 100, facts_seconds: 0}",
    ]
    run_study(open_study("starter", overrides), folder / "run")
    return folder / "run"


@pytest.mark.parametrize(
    "names",
    [
        ["no", "yes"],
        [f"request_{position:03d}_of_a_customer" for position in range(150)],
        [f"{'نام بسیار بلند برای یک برچسب ' * 10}{position}" for position in range(40)],
    ],
    ids=["two", "150", "40 of 300 characters"],
)
def test_reports_with_labels(tmp_path: Path, names: list[str]) -> None:
    run = _run(tmp_path, names)
    path = build_report(run)
    page = path.read_text(encoding="utf-8")
    assert len(page) < 3_000_000
    assert page.count("<figure data-chart>") == 3
    with (run / "figures/classes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    # Labels are stripped at loading; every one of each model is in the file.
    assert {row["label"].strip() for row in rows} == {name.strip() for name in names}
    assert len(rows) == 2 * len(names)
    if len(names) > 16:
        assert "Most frequent mistakes" in page
    if len(names) > 40:
        assert "with the lowest F1" in page
        assert "138 more" in page


def _confusion(labels: int, models: int) -> pd.DataFrame:
    rows = [
        [f"model {model}", f"label {true}", f"label {(true * 3 + model) % labels}", 2, 0.5]
        for model in range(models)
        for true in range(labels)
    ]
    return pd.DataFrame(rows, columns=["model", "truth", "predicted", "count", "share"])


@pytest.mark.parametrize(("count", "models"), [(16, 1), (17, 6), (1000, 30)])
def test_confusion_matrices_stay_small(count: int, models: int) -> None:
    figure = draw_figure("confusion", _confusion(count, models))
    assert figure is not None
    assert 0 < len(figure.svg) + len(figure.data) < 1_500_000
    if count > confusion.WHOLE:
        assert f"12 labels, of {count} that occur" in figure.description


def test_a_matrix_of_many_labels_keeps_all_rows_of_a_label() -> None:
    """What is not among the most confused labels is summed up, so that no row is lost."""
    table = pd.DataFrame(
        [
            ["m", f"label {true}", f"label {guess}", 1 + (true == 5 and guess == 6) * 20, 0.1]
            for true in range(30)
            for guess in range(30)
        ],
        columns=["model", "truth", "predicted", "count", "share"],
    )
    drawn = confusion.draw(table).to_dict()["datasets"]
    cells = pd.DataFrame([row for rows in drawn.values() for row in rows])
    worst = cells[cells["truth"] == "label 5"]
    assert worst["count"].sum() == 50
    assert worst.set_index("predicted").loc["label 6", "count"] == 21
    assert worst.set_index("predicted").loc["(other labels)", "count"] == 18


def test_a_caption_counts_one_row() -> None:
    columns = ["model", "truth", "predicted", "count", "share"]
    table = pd.DataFrame([["m", "a", "b", 1, 1.0], ["m", "b", "b", 2, 1.0]], columns=columns)
    assert "m most often takes a for b (1 row)" in confusion.describe(table)
    table["predicted"] = "(unparsed)"
    assert "m most often gives no label for b (2 rows)" in confusion.describe(table)


def test_long_lines_keep_their_spikes() -> None:
    steps = range(20_000)
    table = pd.concat(
        pd.DataFrame(
            {
                "run": f"run {run}",
                "step": steps,
                "split": "train",
                "quantity": "loss",
                "value": [9.0 if step == 12_345 else 1.0 / (1 + step) for step in steps],
            }
        )
        for run in range(5)
    )
    thin = curves.thinned(table)
    assert len(thin) <= 4_000
    for _, line in thin.groupby("run"):
        assert line["step"].iloc[[0, -1]].tolist() == [0, 19_999]
        assert line["step"].is_monotonic_increasing
        assert line["value"].max() == 9.0
        assert line["value"].min() == 1.0 / 20_000
    figure = draw_figure("curves", table)
    assert figure is not None
    assert 0 < len(figure.svg) + len(figure.data) < 1_000_000
    assert "lowest and highest" in figure.description


def test_many_runs_are_told_apart() -> None:
    rows = [
        [f"run {run}", step, split, "loss", 1.0 / step]
        for run in range(30)
        for step in range(1, 50)
        for split in ("train", "validation")
    ]
    table = pd.DataFrame(rows, columns=["run", "step", "split", "quantity", "value"])
    figure = draw_figure("curves", table)
    assert figure is not None
    assert "Of 30 runs the losses in validation alone are drawn" in figure.description
    assert "and 18 more" in figure.description


def test_many_models_stand_below_one_another() -> None:
    rows = [
        [f"model {model}", metric, model / 100, model / 100 - 0.01, model / 100 + 0.01]
        for model in range(100)
        for metric in ("accuracy", "macro-F1", "micro-F1", "weighted F1")
    ]
    table = pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high"])
    drawn = scores.draw(table).to_dict()
    kept = {row["model"] for rows in drawn["datasets"].values() for row in rows}
    assert kept == {f"model {model}" for model in range(60, 100)}
    assert drawn["layer"][0]["encoding"]["y"]["field"] == "model"
    assert "40 most accurate models of 100" in scores.describe(table)


def test_label_counts_show_both_ends() -> None:
    rows = [
        [split, "sample", f"label {position}", position, position / 1000]
        for split in ("train", "validation", "test")
        for position in range(200)
    ]
    table = pd.DataFrame(rows, columns=["split", "rows", "label", "count", "share"])
    drawn = labels.draw(table).to_dict()
    kept = {row["label"] for rows in drawn["datasets"].values() for row in rows}
    assert kept == {f"label {position}" for position in [*range(12), *range(188, 200)]}
    assert "12 with the fewest, of 200" in labels.describe(table)


def test_sweeps_of_many_trials() -> None:
    goals = ["f1_macro", "seconds"]
    trials = [
        {
            "number": number,
            "rank": number,
            "front": number < 3,
            "goals": {"f1_macro": 1 - number / 4000, "seconds": float(number)},
            "values": {f"key {key}": number + key for key in range(6)},
        }
        for number in range(3000)
    ]
    record: dict[str, Any] = {
        "goals": [{"name": name} for name in goals],
        "keys": [{"key": f"key {key}", "low": 0, "high": 3100} for key in range(6)],
        "trials": trials,
        "winner": trials[0],
    }
    for module, most in ((sweep_settings, 300 * 8), (sweep_front, 1503)):
        table = module.collect(record)
        assert 0 < len(table) <= most
        assert 0 in set(table["trial"])
        module.draw(table).to_dict()


def test_a_figure_that_is_too_large_leaves_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunelab.report.page._LARGEST", 1000)
    figure = draw_figure("confusion", _confusion(6, 2))
    assert figure is not None
    assert (figure.svg, figure.data) == ("", "")


@pytest.mark.parametrize("limit", [12, 40])
def test_short_names_differ(limit: int) -> None:
    names = [f"{'x' * 300}{position}{'y' * 300}" for position in range(30)] + ["x", "é" * limit]
    short = short_names(names, limit)
    assert len(set(short.values())) == len(names)
    assert max(map(len, short.values())) <= limit
    assert short["x"] == "x"


def test_lists_and_texts_are_short() -> None:
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b, and 1 more"
    assert excerpt("word " * 1000, 9) == "word word … (5,000 characters)"
    assert excerpt("short") == "short"
