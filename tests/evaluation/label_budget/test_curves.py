"""Curves and paired differences: draws that are missing, one draw, several, and what they cover."""

import json

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from made_budget import done_only, made_answers, simulated
from present import present
from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.curves import curve, difference, in_rows
from tunelab.evaluation.label_budget.two_way import paired, two_way
from tunelab.evaluation.statistics.comparison import compare_shares

CURVES = {"tfidf": (0.45, 0.55, 0.62), "lora": (0.35, 0.57, 0.74)}


def test_one_draw_speaks_of_rows_alone() -> None:
    table = np.zeros((1, 1, 50), dtype=bool)
    table[0, 0, :30] = True
    (point,) = curve(made_answers({"tfidf": table}), "tfidf")
    low, high = proportion_confint(30, 50, method="wilson")
    assert (point.accuracy.low, point.accuracy.high) == pytest.approx((low, high))
    assert (point.over, point.sd, point.draws, point.rows) == ("rows", None, 1, 50)


def test_several_draws_speak_of_draws_and_rows() -> None:
    answers = simulated(CURVES, draws=4, rows=200, seed=1)
    point = curve(answers, "lora")[1]
    right = answers.at("lora", 1)
    assert point.accuracy.value == pytest.approx(right.mean())
    assert point.sd == pytest.approx(right.mean(axis=1).std(ddof=1))
    assert point.over == "draws and rows"
    narrow = proportion_confint(right[0].sum(), 200, method="wilson")
    low, high = present(point.accuracy.low), present(point.accuracy.high)
    assert 0 < low < right.mean() < high < 1
    # Draws differ here by more than rows leave open.
    assert high - low > 0.8 * (narrow[1] - narrow[0])


def test_the_interval_covers_with_three_draws() -> None:
    # benchmarks/statistics/label_budgets.py does the same for more designs and more studies.
    held = [0, 0]
    for seed in range(150):
        answers = simulated(CURVES, draws=3, rows=100, seed=seed, spread=0.15)
        point, gap = curve(answers, "lora")[2], difference(answers, "lora", "tfidf", 2)
        held[0] += present(point.accuracy.low) <= 0.74 <= present(point.accuracy.high)
        held[1] += present(gap.low) <= 0.12 <= present(gap.high)
    # Three standard errors of 150 studies are 5 points.
    assert min(held) >= 0.9 * 150


def test_nothing_is_made_up_where_nothing_was_done() -> None:
    answers = done_only(
        simulated(CURVES, draws=3, rows=40, seed=1),
        [BudgetCell("tfidf", 0, 0), BudgetCell("tfidf", 0, 2), BudgetCell("lora", 1, 0)],
    )
    first, second, _ = curve(answers, "tfidf")
    assert (first.draws, first.planned) == (2, 3)
    assert second.accuracy.value is None
    assert second.accuracy.reason == "no draw of this size was done"
    assert second.over is None
    apart = difference(answers, "tfidf", "lora", 0)
    assert (apart.value, apart.p_value) == (None, None)
    assert "by both" in present(apart.reason)


def test_undefined_intervals_have_a_reason() -> None:
    right = np.ones((1, 3, 20), dtype=bool)
    (point,) = curve(made_answers({"tfidf": right}), "tfidf")
    assert (point.accuracy.value, point.accuracy.low) == (1.0, None)
    assert point.accuracy.reason
    one_row = np.array([[[True], [False], [True]]])
    (point,) = curve(made_answers({"tfidf": one_row}), "tfidf")
    assert point.accuracy.low is None
    assert "one test row" in present(point.accuracy.reason)
    empty = np.zeros((1, 2, 0), dtype=bool)
    (point,) = curve(made_answers({"tfidf": empty}), "tfidf")
    assert point.accuracy.value is None
    assert "no test rows" in present(point.accuracy.reason)
    same = difference(made_answers({"tfidf": right, "lora": right}), "tfidf", "lora", 0)
    assert (same.value, same.low, same.p_value) == (0.0, None, None)
    assert same.reason


def test_a_difference_pairs_draws_and_rows() -> None:
    answers = simulated(CURVES, draws=5, rows=300, seed=2)
    found = difference(answers, "lora", "tfidf", 2)
    values = answers.at("lora", 2).mean() - answers.at("tfidf", 2).mean()
    assert found.value == pytest.approx(values)
    assert present(found.low) < values < present(found.high)
    assert present(found.p_value) < 0.05 < present(found.low) + 0.05
    assert found.details["draws"] == 5
    turned = difference(answers, "tfidf", "lora", 2)
    assert (turned.low, turned.high) == pytest.approx((-present(found.high), -present(found.low)))
    sample = present(paired(answers, "lora", "tfidf", 2))
    assert found.p_value == pytest.approx(two_way([sample]).p_value())


def test_a_difference_of_one_draw_is_that_of_two_classifiers() -> None:
    answers = simulated(CURVES, draws=1, rows=120, seed=3)
    found = difference(answers, "lora", "tfidf", 2)
    left, right = answers.at("lora", 2)[0].tolist(), answers.at("tfidf", 2)[0].tolist()
    assert found.to_dict() == compare_shares(left, right).to_dict()


def test_rows_needed_are_those_that_leave_the_draws() -> None:
    answers = simulated(CURVES, draws=10, rows=300, seed=2, spread=0.05)
    needed = present(difference(answers, "lora", "tfidf", 2).rows_needed)
    assert 5 < needed < 100
    # Draws that vary more than the two differ are not mended by rows.
    noisy = simulated(CURVES, draws=3, rows=300, seed=5, spread=0.6)
    unsure = difference(noisy, "lora", "tfidf", 1)
    assert present(unsure.value) ** 2 < 7.8 * float(unsure.details["sd_draws"]) ** 2 / 3
    assert unsure.rows_needed is None
    assert "no number of test rows" in present(unsure.reason)


def test_wrong_names_end_early() -> None:
    answers = simulated(CURVES, draws=2, rows=20, seed=1)
    with pytest.raises(ValueError, match=r"no classifier 'lorra'.*tfidf, lora"):
        curve(answers, "lorra")
    with pytest.raises(ValueError, match="no size 3"):
        difference(answers, "lora", "tfidf", 3)


def test_a_point_is_json_and_sizes_are_words() -> None:
    points = curve(simulated(CURVES, draws=2, rows=30, seed=1), "lora")
    assert json.loads(json.dumps([point.to_dict() for point in points]))[0]["size"] == 8
    assert in_rows(46.3) == "46 rows a label"
    assert in_rows(2.5) == "2.5 rows a label"
    assert in_rows(1.0) == "1 row a label"


def test_no_answers_at_all() -> None:
    empty = BudgetAnswers(("tfidf",), (8.0,), (2,), {})
    (point,) = curve(empty, "tfidf")
    assert point.accuracy.value is None
