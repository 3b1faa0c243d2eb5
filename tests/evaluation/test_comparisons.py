"""A family of tests is compared and corrected in one place."""

import json

import pytest

from tunelab.evaluation.comparisons import (
    Comparison,
    compare_pairs,
    corrected,
    count_tests,
    read_comparison,
)
from tunelab.evaluation.metrics import Resampling
from tunelab.evaluation.metrics.checking import sample
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.statistics.estimates import undefined

ANSWERS = {
    "good": [sample(60, 0.9, seed=1)],
    "bad": [sample(60, 0.3, seed=2)],
    "seeds": [sample(60, 0.6, seed=3), sample(60, 0.7, seed=4)],
}
PAIRS = [
    ("good", "bad", "accuracy"),
    ("good", "bad", "f1_macro"),
    ("seeds", "bad", "accuracy"),
    ("seeds", "good", "accuracy"),
]


def test_pairs_are_corrected_together() -> None:
    found = compare_pairs(ANSWERS, PAIRS, Resampling(0, 200))
    assert [(one.left, one.right, one.metric) for one in found] == PAIRS
    p_values = [one.difference.p_value for one in found]
    assert None not in p_values
    assert [one.p_corrected for one in found] == holm(p_values)
    assert count_tests(found) == len(PAIRS)


def test_what_is_not_compared_is_no_test() -> None:
    found = compare_pairs(
        ANSWERS,
        PAIRS,
        Resampling(0, 200),
        not_comparable=lambda left, right: "other labels" if right == "bad" else None,
    )
    assert [one.difference.reason for one in found[:3]] == ["other labels"] * 3
    assert [one.p_corrected for one in found[:3]] == [None] * 3
    assert found[3].p_corrected == found[3].difference.p_value
    assert count_tests(found) == 1


def test_a_test_that_stands_twice_counts_once() -> None:
    one, other = compare_pairs(ANSWERS, PAIRS[:2], Resampling(0, 200))
    found = corrected([one, other, one, Comparison("good", "bad", "accuracy", undefined("no"))])
    assert count_tests(found) == 2
    assert found[0] == found[2] == one
    assert found[3].p_corrected is None


@pytest.mark.parametrize("position", range(len(PAIRS)))
def test_a_comparison_survives_json(position: int) -> None:
    one = compare_pairs(ANSWERS, PAIRS, Resampling(0, 200))[position]
    assert read_comparison(json.loads(json.dumps(one.to_dict()))) == one
