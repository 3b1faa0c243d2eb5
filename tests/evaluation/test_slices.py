"""Scores of parts: rare parts are named without an interval, tests are one family."""

import pytest

from tunelab.evaluation.metrics import Answered, Resampling, find_metric
from tunelab.evaluation.predictions import Given, Predictions
from tunelab.evaluation.slices import read_slice_score, score_slices
from tunelab.evaluation.statistics.corrections import holm

TRUTH = tuple("ab"[row % 2] for row in range(120))
# The first 40 rows are half wrong; all others are right.
GIVEN = tuple("a" if row < 40 else true for row, true in enumerate(TRUTH))
SOURCE = ["forum"] * 40 + ["mail"] * 75 + ["fax"] * 5
HALF = ["odd" if row % 3 else "even" for row in range(120)]


def answered(given: tuple[str, ...], groups: tuple[str, ...] | None = None) -> Answered:
    texts = tuple(map(str, range(len(TRUTH))))
    predictions = Predictions(("a", "b"), texts, TRUTH, given=Given(given), groups=groups)
    return Answered(predictions, given, given, name="one")


def test_parts_and_the_rest() -> None:
    slices = {"source": SOURCE, "half": HALF}
    found = score_slices(
        slices, {"one": [answered(GIVEN)]}, find_metric("accuracy"), Resampling(0, 200)
    )
    parts = {(one.slice, one.part): one for one in found}
    forum, fax = parts["source", "forum"], parts["source", "fax"]
    assert (forum.score.value, forum.rest, forum.rows) == (0.5, 1.0, 40)
    assert forum.difference.value == pytest.approx(-0.5)
    assert forum.p_corrected is not None
    assert forum.p_corrected < 0.001
    # Five rows: a value, and neither interval nor test.
    assert (fax.score.value, fax.score.low, fax.difference.p_value) == (1.0, None, None)
    assert "5 rows are too few" in str(fax.score.reason)
    assert "needs 10 rows" in str(fax.difference.reason)
    # forum, mail, and odd against even once: three tests.
    tests = [parts[key].difference.p_value for key in (("source", "forum"), ("source", "mail"))]
    odd, even = parts["half", "odd"], parts["half", "even"]
    assert odd.difference.p_value == pytest.approx(even.difference.p_value)
    expected = holm([*tests, odd.difference.p_value])
    assert forum.p_corrected == pytest.approx(expected[0])
    assert odd.p_corrected == even.p_corrected == pytest.approx(expected[2])
    assert [read_slice_score(one.to_dict()) for one in found] == found


def test_no_mean_of_rows_and_no_rest() -> None:
    how = Resampling(0, 200)
    macro = score_slices(
        {"source": SOURCE}, {"one": [answered(GIVEN)]}, find_metric("f1_macro"), how
    )
    assert all(one.difference.p_value is None for one in macro)
    assert "no mean of rows" in str(macro[1].difference.reason)
    (whole,) = score_slices(
        {"all": ["x"] * 120}, {"one": [answered(GIVEN)]}, find_metric("accuracy"), how
    )
    assert whole.rest is None
    assert whole.difference.reason == "all rows are in this part"


def test_several_seeds_and_groups() -> None:
    accuracy, how = find_metric("accuracy"), Resampling(0, 200)
    other = tuple("b" if row % 7 == 0 else given for row, given in enumerate(GIVEN))
    found = score_slices(
        {"source": SOURCE}, {"one": [answered(GIVEN), answered(other)]}, accuracy, how
    )
    assert found[1].difference.test == "Welch's t"
    groups = tuple(f"g{row // 3}" for row in range(120))
    found = score_slices({"source": SOURCE}, {"one": [answered(GIVEN, groups)]}, accuracy, how)
    assert found[1].difference.test == "t over groups"
