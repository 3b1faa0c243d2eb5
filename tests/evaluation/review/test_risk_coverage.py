"""The share of wrong answers by the share of rows that are kept, and what a person finds."""

import numpy as np
import pytest

from tunelab.evaluation.review.risk_coverage import caught_by_review, risk_coverage, wrong_among


def test_by_hand() -> None:
    found = risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, False])
    assert found.coverage == (0.25, 0.5, 0.75, 1.0)
    assert found.risk == pytest.approx((0, 1 / 2, 1 / 3, 1 / 2))
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.least == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    assert found.excess == pytest.approx(1 / 8)
    assert found.chance == 0.5


def test_the_best_order_has_no_excess_and_no_order_the_error_rate() -> None:
    right = [True] * 70 + [False] * 30
    best = risk_coverage(np.linspace(1, 0, 100).tolist(), right)
    assert best.excess == pytest.approx(0)
    alike = risk_coverage([0.5] * 100, right)
    assert alike.area == pytest.approx(0.3)
    assert set(np.round(alike.risk, 12)) == {0.3}


def test_ties_are_the_mean_of_all_orders() -> None:
    generator = np.random.default_rng(0)
    sure = generator.integers(0, 4, 30) / 4
    right = generator.random(30) < 0.6
    orders = [
        wrong_among(sure + 1e-9 * generator.permutation(30), right.tolist()) for _ in range(4000)
    ]
    assert wrong_among(sure, right.tolist()) == pytest.approx(np.mean(orders, axis=0), abs=0.08)


def test_a_curve_has_few_points_and_ends_at_all_rows() -> None:
    generator = np.random.default_rng(1)
    found = risk_coverage(generator.random(5000).tolist(), (generator.random(5000) < 0.8).tolist())
    assert len(found.coverage) == 100
    assert found.coverage[-1] == 1.0
    assert found.risk[-1] == pytest.approx(found.chance)


def test_what_a_person_finds() -> None:
    sure = np.linspace(0, 1, 240)
    right = np.ones(240, dtype=bool)
    right[:31] = False
    right[100:121] = False
    found = {one.rows: one for one in caught_by_review(sure.tolist(), right.tolist())}
    assert set(found) == {10, 20, 50, 100, 200}
    assert (found[50].found, found[50].wrong, found[50].of) == (31, 52, 240)
    assert found[50].at_random == pytest.approx(50 * 52 / 240)
    assert found[200].found == 52


def test_no_rows() -> None:
    assert risk_coverage([], []).area is None
    assert risk_coverage([], []).reason == "there are no rows"
    assert caught_by_review([], []) == []
    with pytest.raises(ValueError, match="one confidence"):
        risk_coverage([0.5], [])
