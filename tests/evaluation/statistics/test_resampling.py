"""F1 of resampled rows against scikit-learn, and intervals where theory knows them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from present import present
from tunelab.evaluation.metrics import score, wilson_interval
from tunelab.evaluation.metrics.f1 import STATISTICS
from tunelab.evaluation.statistics.comparison import compare_shares, tango_interval
from tunelab.evaluation.statistics.estimates import Difference, Estimate
from tunelab.evaluation.statistics.resampling import count_against, count_difference, count_interval

LABELS = ["a", "b", "c"]
GUESS = st.sampled_from([*LABELS, None])
ROWS = st.lists(st.tuples(st.sampled_from(LABELS), GUESS, GUESS), min_size=1, max_size=30)


def f1_interval(*columns: Any, average: str, **settings: Any) -> Estimate:
    return count_interval(STATISTICS[average], *columns, **settings)


def f1_difference(*columns: Any, average: str, **settings: Any) -> Difference:
    return count_difference(STATISTICS[average], *columns, **settings)


def _answers(rows: int, *shares: float) -> list[list[str | None]]:
    """True labels, and guesses of models that are right in these shares of the rows."""
    generator = np.random.default_rng(0)
    truth = [LABELS[position] for position in generator.choice(3, size=rows, p=[0.6, 0.3, 0.1])]
    columns: list[list[str | None]] = [list(truth)]
    for share in shares:
        right = generator.random(rows) < share
        wrong = generator.integers(1, 3, size=rows)
        columns.append(
            [
                label if hit else LABELS[(LABELS.index(label) + step) % 3]
                for label, hit, step in zip(truth, right, wrong, strict=True)
            ]
        )
    return columns


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_values_are_those_of_the_metrics(rows: list[tuple[str, str | None, str | None]]) -> None:
    truth, left, right = zip(*rows, strict=True)
    for average in STATISTICS:
        one = getattr(score(truth, left, LABELS), f"f1_{average}")
        other = getattr(score(truth, right, LABELS), f"f1_{average}")
        settings: dict[str, Any] = {"average": average, "seed": 0, "resamples": 60}
        estimate = f1_interval(truth, left, LABELS, **settings)
        assert estimate.value == pytest.approx(one)
        difference = f1_difference(truth, left, right, LABELS, **settings)
        assert difference.value == pytest.approx(one - other, abs=1e-12)
        for found in (estimate, difference):
            assert (found.low is None) == (found.high is None)
            if found.low is None:
                assert found.reason
            else:
                assert found.low <= present(found.value) <= present(found.high)
        assert (difference.p_value is None) == (difference.low is None)
        assert difference.p_value is None or 0 < difference.p_value <= 1


def test_value_equal_to_scikit_learn() -> None:
    truth, predicted = _answers(200, 0.7)
    for average in STATISTICS:
        estimate = f1_interval(truth, predicted, LABELS, average=average, seed=0, resamples=200)
        assert estimate.value == pytest.approx(f1_score(truth, predicted, average=average))
        assert present(estimate.low) < present(estimate.value) < present(estimate.high)


def test_resampling_cells_equals_resampling_rows() -> None:
    truth, predicted = _answers(150, 0.7)
    generator = np.random.default_rng(1)
    values: list[float] = []
    for _ in range(1500):
        rows = generator.integers(150, size=150)
        values.append(
            present(
                score(
                    [truth[row] for row in rows], [predicted[row] for row in rows], LABELS
                ).f1_macro
            )
        )
    left = f1_difference(truth, predicted, truth, LABELS, average="macro", seed=0)
    # Right is always right, so that the difference varies as left does.
    assert left.details["standard_error"] == pytest.approx(np.std(values), rel=0.07)


def test_micro_f1_of_parsed_answers_is_accuracy() -> None:
    truth, left, right = _answers(400, 0.8, 0.7)
    hits = [guess == label for guess, label in zip(left, truth, strict=True)]
    others = [guess == label for guess, label in zip(right, truth, strict=True)]
    estimate = f1_interval(truth, left, LABELS, average="micro", seed=0)
    wilson = wilson_interval(sum(hits), 400)
    assert (estimate.low, estimate.high) == pytest.approx(wilson, abs=0.004)
    difference = f1_difference(truth, left, right, LABELS, average="micro", seed=0)
    exact = compare_shares(hits, others)
    assert difference.value == pytest.approx(exact.value)
    tango = tango_interval(int(exact.details["only_left"]), int(exact.details["only_right"]), 400)
    assert (difference.low, difference.high) == pytest.approx(tango, abs=0.005)
    assert difference.p_value == pytest.approx(exact.p_value, rel=0.5)
    assert difference.rows_needed == pytest.approx(exact.rows_needed, rel=0.05)


def test_sides_margin_and_seed() -> None:
    truth, left, right = _answers(150, 0.8, 0.65)
    settings: dict[str, Any] = {"average": "macro", "seed": 4, "resamples": 2000}
    one = f1_difference(truth, left, right, LABELS, **settings)
    other = f1_difference(truth, right, left, LABELS, **settings)
    assert one.value == pytest.approx(-present(other.value))
    assert (one.low, one.high) == pytest.approx(
        (-present(other.high), -present(other.low)), abs=0.02
    )
    assert one == f1_difference(truth, left, right, LABELS, **settings)
    again = f1_difference(truth, left, right, LABELS, **{**settings, "seed": 5})
    assert again != one
    assert (one.low, one.high) == pytest.approx((again.low, again.high), abs=0.02)
    # The order of the rows says nothing.
    turned = f1_difference(truth[::-1], left[::-1], right[::-1], LABELS, **settings)
    assert turned == one
    at_limit = f1_difference(truth, left, right, LABELS, margin=one.low, **settings)
    assert at_limit.p_value == pytest.approx(0.05, abs=0.005)
    assert (at_limit.low, at_limit.margin) == (one.low, one.low)
    nearer = f1_difference(truth, left, right, LABELS, margin=present(one.value) / 2, **settings)
    assert nearer.rows_needed == pytest.approx(4 * present(one.rows_needed), abs=4)


def test_undefined() -> None:
    settings: dict[str, Any] = {"average": "macro", "seed": 0, "resamples": 100}
    assert f1_interval([], [], LABELS, **settings).reason == "there are no rows"
    empty = f1_difference([], [], [], LABELS, **settings)
    assert empty.value is empty.low is empty.p_value is empty.rows_needed is None
    assert empty.reason == "there are no rows"
    one = f1_interval(["a"], ["a"], LABELS, **settings)
    assert (one.value, one.low, one.reason) == (1, None, "one row shows no spread")
    perfect = f1_interval(["a", "b"] * 5, ["a", "b"] * 5, LABELS, **settings)
    assert (perfect.value, perfect.low) == (1, None)
    assert perfect.reason == "all resamples give the same value"
    truth, left = _answers(50, 0.7)
    alike = f1_difference(truth, left, left, LABELS, **settings)
    assert (alike.value, alike.low, alike.p_value) == (0, None, None)
    assert alike.reason == "left and right give the same answers"
    # Different answers whose micro-F1 is equal: an interval, but no number of rows.
    swapped = f1_difference(
        ["a", "a"] * 20, ["a", "b"] * 20, ["b", "a"] * 20, LABELS, average="micro", seed=0
    )
    assert present(swapped.low) < 0 < present(swapped.high)
    assert swapped.rows_needed is None
    assert "equals the margin" in (swapped.reason or "")


def test_absent_label_and_unparsed_answers() -> None:
    truth, left = _answers(60, 0.7)
    settings: dict[str, Any] = {"average": "macro", "seed": 0, "resamples": 300}
    plain = f1_interval(truth, left, LABELS, **settings)
    assert f1_interval(truth, left, [*LABELS, "never"], **settings) == plain
    silent = f1_interval(truth, [None] * 60, LABELS, **settings)
    # No hit in 60 rows does not show that none can be.
    assert silent.value == silent.low == 0
    assert 0 < present(silent.high) < 0.3


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="2 true labels and 1"):
        f1_interval(["a", "b"], ["a"], LABELS, average="macro", seed=0)
    with pytest.raises(ValueError, match="'z' is not among"):
        f1_interval(["a"], ["z"], LABELS, average="macro", seed=0)
    with pytest.raises(ValueError, match="true label is not among"):
        f1_interval([None], ["a"], LABELS, average="macro", seed=0)


def test_against_a_number_is_the_f1_of_the_rows() -> None:
    truth, predicted = ["a"] * 10 + ["b"] * 4, ["a"] * 14
    found = count_against(STATISTICS["macro"], truth, predicted, ["a", "b"], 0.25, seed=0)
    assert found.value is not None
    assert score(truth, predicted, ["a", "b"]).f1_macro == found.value + 0.25


def test_many_missed_labels_are_not_credited_with_many_hits() -> None:
    """A model that is right on 2 of 160 rows has no macro-F1 far above its accuracy."""
    labels = [f"label {position}" for position in range(77)]
    truth = [labels[row % 77] for row in range(160)]
    answers = [truth[0], truth[1], *[None] * 158]
    found = f1_interval(truth, answers, labels, average="macro", seed=0, resamples=400)
    assert found.high is not None
    assert found.value == pytest.approx(2 / 77 / 2, abs=0.01)
    assert found.high < 0.1


@pytest.mark.parametrize("rows", [24, 40, 120])
def test_a_wholly_right_classifier_differs_from_a_constant_one(rows: int) -> None:
    # The exact test of these rows has p = 2^-11 or less; the number of resamples must not hide it.
    truth = ["a", "b"] * (rows // 2)
    found = count_difference(STATISTICS["macro"], truth, truth, ["a"] * rows, ["a", "b"], seed=0)
    assert present(found.low) > 0
    assert present(found.p_value) < 0.001
