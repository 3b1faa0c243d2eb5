"""Asking row after row, and stopping when it is decided."""

import json

import numpy as np
import pytest

from tunelab.evaluation.label_budget.row_racing import rows_race


def _values(*shares: float, rows: int, seed: int) -> dict[str, list[float]]:
    ease = np.random.default_rng(seed).random(rows)
    return {name: (ease < share).tolist() for name, share in zip("abc", shares, strict=False)}


def test_a_clear_difference_is_decided_before_all_rows() -> None:
    values = _values(0.9, 0.6, rows=1000, seed=1)
    for rows in range(0, 1000, 20):
        found = rows_race({name: one[:rows] for name, one in values.items()}, 1000)
        if found.over:
            break
    assert found.best == "a"
    assert found.drop == ("b",)
    assert rows < 200
    assert found.gaps[0].low > 0
    assert "of 1,000 test rows" in found.sentence
    assert json.loads(json.dumps(found.to_dict()))["best"] == "a"


def test_the_worst_is_dropped_while_the_others_go_on() -> None:
    values = _values(0.8, 0.77, 0.3, rows=200, seed=2)
    found = rows_race(values, 20_000)
    assert found.drop == ("c",)
    assert set(found.left) == {"a", "b"}
    assert not found.over
    more = _values(0.8, 0.77, rows=400, seed=3)
    # The dropped one has fewer rows, and does not hold the others up.
    found = rows_race({"a": more["a"], "b": more["b"], "c": values["c"]}, 20_000)
    assert found.rows == 400


def test_a_tie_ends_where_the_rest_is_not_likely_to_tell() -> None:
    # One wrong in ten rows, never on the same row.
    values = {
        "a": [row % 10 != 0 for row in range(150)],
        "b": [row % 10 != 5 for row in range(150)],
    }
    found = rows_race(values, 200)
    assert found.over
    assert (found.best, found.alike, found.left) == (None, (), ("a", "b"))
    assert "not likely to tell" in found.sentence
    assert not rows_race({name: one[:40] for name, one in values.items()}, 200).over


def test_the_same_within_a_margin() -> None:
    same = _values(0.7, 0.7, rows=2000, seed=5)
    found = rows_race(same, 5000, margin=0.02)
    assert found.over
    assert found.alike == ("a", "b")
    assert "less than 2.0 %" in found.sentence


def test_no_rows_and_one_classifier() -> None:
    found = rows_race({"a": [], "b": []}, 100)
    assert not found.over
    assert found.gaps == ()
    assert rows_race({"a": [1.0]}, 100).best == "a"
    assert rows_race({"a": [1.0], "b": [1.0]}, 1).over


def test_wrong_use_ends_early() -> None:
    with pytest.raises(ValueError, match="needs a classifier"):
        rows_race({}, 10)
    with pytest.raises(ValueError, match="more rows were answered than the 1"):
        rows_race({"a": [1, 0]}, 1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        rows_race({"a": [1, 2]}, 5)
    with pytest.raises(ValueError, match="alpha"):
        rows_race({"a": [1]}, 5, alpha=2)
