"""Predictions survive being stored, and all metrics come from them."""

from pathlib import Path

import pandas as pd
import pytest

from tunelab.classifiers.answered import measured, table_rows
from tunelab.config import Evaluation
from tunelab.errors import UsageError
from tunelab.evaluation.predictions import Likelihoods, Predictions, parse_all, read_predictions
from tunelab.runs.results import write_table

LABELS = ("joy", "fear", "joyful")


def _predictions() -> Predictions:
    truth = ("joy", "fear", "fear", "joyful")
    answers = ["Joy.", "", "not fear", "joyful"]
    return Predictions(
        LABELS,
        ("one", "two", "three", "four"),
        truth,
        parse_all(answers, LABELS, stopped=(True, True, False, True), tokens=(2, 0, 3, 2)),
        Likelihoods(
            logprobs=(
                (-1.0, -2.0, -3.0),
                (-2.0, -1.0, -9.0),
                (-1.0, -1.5, -9.0),
                (-4.0, -4.5, -4.2),
            ),
            empty=(-0.1, -3.0, -4.0),
            tokens=(1, 1, 2),
            forced=(True, False, False, False),
        ),
    )


def test_stored_and_read_again(tmp_path: Path) -> None:
    predictions, evaluation = _predictions(), Evaluation()
    write_table(tmp_path / "p.parquet", table_rows(predictions, "generate", evaluation))
    assert read_predictions(pd.read_parquet(tmp_path / "p.parquet"), "p") == predictions


def test_three_accuracies_differ() -> None:
    values = measured(_predictions(), Evaluation(resamples=200), seed=0)
    assert values["mode"] == "generate"
    assert values["generated"]["scores"]["accuracy"] == 0.5
    assert values["scored"]["scores"]["accuracy"] == 0.5
    assert values["forced"]["value"] == 0.25
    assert values["scores"] == values["generated"]["scores"]
    assert values["generated"]["unparsed_reasons"]["negated label"] == 1
    assert values["generated"]["stopped"]["value"] == 0.75


def test_settings_of_scoring_act() -> None:
    by_mean = Evaluation(modes=["score", "generate"], normalize="mean", resamples=200)
    values = measured(_predictions(), by_mean, seed=0)
    assert values["mode"] == "score"
    assert values["scores"]["accuracy"] == 0.75
    calibrated = measured(_predictions(), Evaluation(calibrate=True, resamples=200), seed=0)
    assert calibrated["scored"]["scores"]["accuracy"] == 0.75
    assert calibrated["generated"] == measured(_predictions(), by_mean, seed=0)["generated"]


def test_undefined_values_come_with_a_reason() -> None:
    one = Predictions(
        ("a", "b"), ("x",), ("a",), parse_all(["a"], ("a", "b"), stopped=(True,), tokens=(1,))
    )
    values = measured(one, Evaluation(resamples=200), seed=0)
    assert values["intervals"]["f1_macro"]["low"] is None
    assert values["intervals"]["f1_macro"]["reason"] == "one row shows no spread"
    assert values["scores"]["undefined"]["b.recall"] == "no row has this label"
    assert values["generated"]["answer_tokens"]["reason"] == "one row shows no spread"
    assert values["scored"] is None
    assert values["forced"] is None


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match=r"predictions\.parquet that a run wrote"):
        read_predictions(pd.DataFrame({"truth": ["a"]}), "table")
