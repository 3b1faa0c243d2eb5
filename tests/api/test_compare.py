"""Runs are compared on the rows that they share, by the paired tests of one run."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tunelab
from conftest import Workspace
from tunelab.errors import UsageError
from tunelab.evaluation.shared_rows import shared_indices
from tunelab.evaluation.statistics.comparison import compare_shares
from tunelab.evaluation.statistics.corrections import holm


def _right(run: Any, name: str) -> dict[tuple[str, str], bool]:
    rows = run.predictions[run.predictions["name"] == name]
    return {
        (text, truth): truth == predicted
        for text, truth, predicted in zip(
            rows["text"], rows["truth"], rows["predicted"], strict=True
        )
    }


def test_differences_are_those_of_the_shared_rows(trained: Any, baselines: Any) -> None:
    compared = tunelab.compare([trained, baselines.folder])
    shared = [key for key in _right(trained, "lora") if key in _right(baselines, "majority")]
    assert 0 < compared.rows == len(shared)
    assert compared.left_out == {"trained": 9 - len(shared), "baselines": 14 - len(shared)}
    assert len(compared.table) == 3 * 2
    for _, row in compared.table.iterrows():
        left, right = row["left"].partition("/")[2], row["right"].partition("/")[2]
        lefts = [_right(trained, left)[key] for key in shared]
        rights = [_right(baselines, right)[key] for key in shared]
        expected = compare_shares(lefts, rights)
        assert row["difference"] == pytest.approx(expected.value)
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
        assert row["left_value"] == pytest.approx(sum(lefts) / len(shared))
        assert row["rows"] == len(shared)
    p_values, corrected = (
        [None if value is pd.NA else value for value in compared.table[column]]
        for column in ("p_value", "p_corrected")
    )
    assert corrected == pytest.approx(holm(p_values))
    assert compared.tests == sum(value is not None for value in p_values)


def test_the_order_of_the_runs_turns_the_sign(trained: Any, baselines: Any) -> None:
    there = tunelab.compare([trained, baselines], classifiers=["instruct", "tfidf-svm"])
    back = tunelab.compare([baselines, trained], classifiers=["instruct", "tfidf-svm"])
    assert len(there.table) == len(back.table) == 1
    assert there.table["difference"][0] == pytest.approx(-back.table["difference"][0])
    assert there.table["left"][0] == "trained/instruct" == back.table["right"][0]


def test_f1_is_compared_too(trained: Any, baselines: Any) -> None:
    compared = tunelab.compare(
        [trained, baselines], metrics=["f1_macro"], classifiers=["instruct", "tfidf-svm"]
    )
    row = compared.table.iloc[0]
    assert row["difference"] == pytest.approx(row["left_value"] - row["right_value"])
    assert "paired bootstrap" in row["test"]


def test_it_is_shown_readably(trained: Any, baselines: Any) -> None:
    compared = tunelab.compare([trained, baselines])
    assert f"{compared.rows} shared test rows" in repr(compared)
    assert "<td>trained/lora</td>" in compared._repr_html_()


def test_rows_that_stand_several_times_are_shared_as_often() -> None:
    a, b = ("a", "joy"), ("b", "fear")
    indices, rows = shared_indices({"one": [a, b, a, a], "two": [b, a, ("b", "joy"), a]})
    assert rows == 3
    assert indices == {"one": [0, 2, 1], "two": [1, 3, 0]}


def test_the_same_text_with_another_label_is_another_row() -> None:
    assert shared_indices({"one": [("a", "joy")], "two": [("a", "fear")]})[1] == 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda one, two: tunelab.compare([one]), "two runs or more"),
        (lambda one, two: tunelab.compare(str(one)), "two runs or more"),
        (lambda one, two: tunelab.compare([one, one]), "is named twice"),
        (lambda one, two: tunelab.compare([one, two], metrics=["acuracy"]), "mean accuracy"),
        (lambda one, two: tunelab.compare([one, two], classifiers=["lorra"]), "mean lora"),
        (lambda one, two: tunelab.compare([one, Path("nowhere")]), "is not a run folder"),
    ],
)
def test_a_wrong_call_is_told(trained: Any, baselines: Any, call: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        call(trained.folder, baselines.folder)


def test_other_labels_are_not_compared(trained: Any, tmp_path: Path, workspace: Workspace) -> None:
    """The same rows, among others of a label that the first run does not have."""
    rows = pd.read_csv(workspace.folder / "rows.csv")[["text", "label"]]
    test = trained.predictions[trained.predictions["name"] == "lora"]
    more = pd.DataFrame({"text": [f"whatever {n}" for n in range(9)], "label": "none"})
    data = tmp_path / "data"
    data.mkdir()
    known = rows["text"].isin(test["text"])
    pd.concat([rows[~known], more]).to_csv(data / "train.csv", index=False)
    rows[known].to_csv(data / "test.csv", index=False)
    other = tunelab.run(
        {
            "name": "wider",
            "data": {"source": str(data)},
            "models": {"base": None, "instruct": None},
            "methods": [],
            "evaluation": {"baselines": ["majority"], "resamples": 100},
        },
        out=tmp_path / "wider",
    )
    compared = tunelab.compare([trained, other])
    assert (compared.rows, compared.tests) == (9, 0)
    assert set(compared.table["reason"]) == {"the two choose among different labels"}
    assert compared.table["difference"].isna().all()
