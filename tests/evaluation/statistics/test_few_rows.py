"""Macro-F1 over labels with one test row or none is told of, and compares nothing."""

from tunelab.evaluation.statistics.few_rows import (
    macro_doubt,
    macro_labels,
    mean_interval_doubt,
    named,
)


def test_one_row_of_a_label_decides_no_comparison() -> None:
    truth = ["a"] * 10 + ["b"] * 10 + ["c"]
    assert "counts c, with one test row" in str(macro_doubt(truth, [truth, truth]))
    assert macro_doubt(truth[:-1], [truth[:-1]] * 2) is None


def test_a_label_that_no_row_has() -> None:
    truth = ["a"] * 5 + ["b"] * 5
    strange = ["z", *truth[1:]]
    assert "z, which no test row has" in str(macro_doubt(truth, [truth, strange]))
    # Both means are over the same labels.
    assert macro_doubt(truth, [strange, strange]) is None
    assert macro_doubt(truth, [truth, [None] * 10]) is None


def test_which_labels_are_not_measured() -> None:
    assert macro_labels([("a", 5), ("b", 7)]) is None
    told = str(macro_labels([("a", 5), ("b", 0), ("c", 1)]))
    assert "1 label of 3 (b) has no test row and is not measured" in told
    assert "1 label (c) has one test row" in told
    several = str(macro_labels([(letter, 0) for letter in "abcdefgh"]))
    assert "8 labels of 8 (a, b, c, d, e and 3 more) have no test row" in several
    assert named(["x"]) == "x"


def test_a_mean_over_few_labels_needs_rows_of_each() -> None:
    two = ["a"] * 50 + ["b"] * 40 + ["c"] * 2
    told = mean_interval_doubt("macro-F1", two)
    assert told is not None
    assert "needs 3 test rows of each label: c has fewer" in told
    assert mean_interval_doubt("macro-F1", [*two, "c"]) is None
    # Of many labels each weighs little.
    assert mean_interval_doubt("macro-F1", [str(label) for label in range(11)]) is None
    assert mean_interval_doubt("macro-F1", []) is None
