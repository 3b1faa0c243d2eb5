"""The rule beside a saved classifier: what it sends to a person, and that it is read as written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tunelab.errors import UsageError
from tunelab.evaluation.review.temperature import with_temperature
from tunelab.runs.results import write_json
from tunelab.serving.review_rule import ReviewRule, read_review_rule, write_review_rule

TABLE = np.array([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
RULE = ReviewRule(
    temperature=1.5,
    threshold=0.55,
    wanted_accuracy=0.95,
    rows=240,
    thresholds=((0.9, 0.4), (0.95, 0.55), (0.97, 0.8), (0.99, None)),
    coverage=0.9,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_json(tmp_path / "tunelab.json", {"labels": ["a", "b", "c"]})
    return tmp_path


def test_what_is_below_the_threshold_at_the_temperature_needs_a_person() -> None:
    assert RULE.calibrated(TABLE) == pytest.approx(with_temperature(TABLE, 1.5))
    highest = with_temperature(TABLE, 1.5).max(axis=1)
    assert RULE.needs_review(TABLE).tolist() == (highest < 0.55).tolist() == [False, True, True]
    assert RULE.needs_review(TABLE).dtype == bool
    assert RULE.needs_review(np.zeros((0, 3))).tolist() == []
    assert RULE.needs_review([[0.4, float("nan"), 0.6]]).tolist() == [True]


def test_without_a_threshold_everything_needs_a_person() -> None:
    rule = ReviewRule(1.0, None, 0.95, reason="30 rows cannot show it")
    assert rule.needs_review(TABLE).tolist() == [True] * 3
    assert ReviewRule(1.0, 0.0, 0.5).needs_review(TABLE).tolist() == [False] * 3


def test_another_threshold_or_accuracy() -> None:
    chosen = RULE.with_threshold(0.7)
    assert (chosen.threshold, chosen.wanted_accuracy, chosen.temperature) == (0.7, None, 1.5)
    assert RULE.with_accuracy(0.9).threshold == 0.4
    # Of those that were looked at, the next that promises at least as much.
    assert (RULE.with_accuracy(0.96).threshold, RULE.with_accuracy(0.96).wanted_accuracy) == (
        0.8,
        0.97,
    )
    with pytest.raises(UsageError, match=r"accuracy of 98\.0 % at no threshold \(they do for 97"):
        RULE.with_accuracy(0.98)
    with pytest.raises(UsageError, match="lies between 0 and 1"):
        RULE.with_accuracy(95)
    with pytest.raises(UsageError, match="from 0 to 1"):
        RULE.with_threshold(float("nan"))


def test_label_sets_hold_what_is_likely_enough() -> None:
    rule = ReviewRule(1.0, 0.5, 0.9, coverage=0.9, set_limit=0.7)
    assert rule.label_sets(TABLE, ("a", "b", "c")) == [("a",), ("a", "b"), ("c",)]
    strict = ReviewRule(1.0, 0.5, 0.9, coverage=0.9, set_limit=0.3)
    assert strict.label_sets(TABLE, ("a", "b", "c")) == [("a",), (), ()]
    # At the temperature of the rule: these are less sure than they look.
    warm = ReviewRule(3.0, 0.5, 0.9, coverage=0.9, set_limit=0.7)
    assert warm.label_sets([[0.7, 0.2, 0.1]], ("a", "b", "c")) == [("a", "b")]
    assert rule.label_sets(np.zeros((0, 3)), ("a", "b", "c")) == []
    assert RULE.label_sets(TABLE, ("a", "b", "c")) is None


def test_another_answer_than_the_likeliest_needs_a_person() -> None:
    assert RULE.needs_review(TABLE, [0, 0, 2]).tolist() == RULE.needs_review(TABLE).tolist()
    lenient = ReviewRule(1.0, 0.0, 0.5)
    assert lenient.needs_review(TABLE, [1, 0, -1]).tolist() == [True, False, True]


def test_it_is_read_as_it_was_written(folder: Path) -> None:
    assert read_review_rule(folder) is None
    path = write_review_rule(folder, RULE)
    assert read_review_rule(folder) == RULE
    before = path.stat().st_mtime_ns
    write_review_rule(folder, RULE)
    assert path.stat().st_mtime_ns == before
    nothing = ReviewRule(1.0, None, 0.95, 12, "12 rows", ())
    write_review_rule(folder, nothing)
    assert read_review_rule(folder) == nothing
    with_sets = replace(RULE, set_limit=0.42)
    write_review_rule(folder, with_sets)
    assert read_review_rule(folder) == with_sets


@pytest.mark.parametrize("damage", ["cut", "changed", "unsealed", "list", "another classifier"])
def test_a_damaged_rule_is_refused(damage: str, folder: Path) -> None:
    path = write_review_rule(folder, RULE)
    text = path.read_text(encoding="utf-8")
    if damage == "cut":
        path.write_text(text[:-9], encoding="utf-8")
    elif damage == "changed":
        path.write_text(text.replace("0.55", "0.15"), encoding="utf-8")
    elif damage == "unsealed":
        bare = {
            key: value for key, value in json.loads(text).items() if key not in ("seal", "files")
        }
        write_json(path, bare)
    elif damage == "list":
        path.write_text("[]", encoding="utf-8")
    else:
        write_json(folder / "tunelab.json", {"labels": ["a", "b", "d"]})
    with pytest.raises(UsageError, match=r"review\.json is damaged or belongs to another"):
        read_review_rule(folder)
