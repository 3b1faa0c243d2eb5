"""Classifiers that are only asked beside those that are trained on draws."""

from dataclasses import replace

import numpy as np
import pytest

from made_budget import simulated
from present import present
from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.crossing import crossing
from tunelab.evaluation.label_budget.curves import asked_accuracy, difference
from tunelab.evaluation.label_budget.found import BudgetSize, find_budget
from tunelab.evaluation.label_budget.pays import pays_from
from tunelab.evaluation.label_budget.racing import race
from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.statistics.comparison import compare_shares

CURVES = {"tfidf": (0.45, 0.50, 0.55), "lora": (0.40, 0.66, 0.88)}
ROWS = 400


@pytest.fixture(scope="module")
def answers() -> BudgetAnswers:
    """Three sizes; what is asked is right in 72 % of the rows, above all but one training."""
    asked = np.random.default_rng(3).random(ROWS) < 0.72
    return replace(simulated(CURVES, draws=4, rows=ROWS, seed=1), asked={"instruct": asked})


def test_fine_tuning_must_beat_what_needs_no_labels(answers: BudgetAnswers) -> None:
    trained = pays_from(answers, ["lora"], ["tfidf"])
    every = pays_from(answers, ["lora"], ["tfidf", "instruct"])
    assert (trained.verdict, trained.size) == ("yes", 16.0)
    assert (every.verdict, every.size) == ("yes", 32.0)
    assert [gain.other for gain in every.gains] == ["instruct"] * 3


def test_its_accuracy_is_over_rows_and_the_same_at_each_size(answers: BudgetAnswers) -> None:
    right = answers.asked["instruct"]
    found = asked_accuracy(answers, "instruct")
    assert found.value == right.mean()
    assert (found.low, found.high) == wilson_interval(int(right.sum()), ROWS)
    with pytest.raises(ValueError, match=r"no classifier 'base'.*tfidf, lora, instruct"):
        asked_accuracy(answers, "base")


def test_pairs_share_rows_and_draws(answers: BudgetAnswers) -> None:
    found = difference(answers, "lora", "instruct", 2)
    assert found.details["draws"] == 4
    assert found.value == pytest.approx(
        answers.at("lora", 2).mean() - answers.asked["instruct"].mean()
    )
    one = replace(answers, right={c: r for c, r in answers.right.items() if c.draw == 0})
    alone = difference(one, "lora", "instruct", 2)
    left, right = answers.at("lora", 2)[0].tolist(), answers.asked["instruct"].tolist()
    assert alone == compare_shares(left, right)


def test_a_curve_crosses_the_flat_line(answers: BudgetAnswers) -> None:
    found = crossing(answers, "instruct", "lora")
    assert found.course == "crosses"
    assert 12 < present(found.low) < present(found.size) < present(found.high) < 32


def test_a_race_trains_nothing_for_it(answers: BudgetAnswers) -> None:
    empty = replace(answers, right={})
    begin = race(empty, tuned=["lora"], others=["tfidf", "instruct"])
    assert {cell.classifier for cell in begin.next} == {"tfidf", "lora"}
    found = race(answers, tuned=["lora"], others=["tfidf", "instruct"])
    assert found.best == "lora"
    assert {"instruct"} & {gap.second for gap in found.gaps}
    better = replace(answers, asked={"instruct": np.ones(ROWS, dtype=bool)})
    assert race(better, tuned=["lora"], others=["instruct"]).best == "instruct"


def test_a_budget_tells_of_it(answers: BudgetAnswers) -> None:
    sizes = [BudgetSize(int(size), size, int(size), 4, {}) for size in answers.sizes]
    found = find_budget(
        answers,
        sizes,
        tuned=["lora"],
        others=["tfidf"],
        race=None,
        left_out=[],
        seed=0,
        by_mode={"likeliest label": (answers, None)},
    )
    (asked,) = found.asked
    assert asked.name == "instruct"
    assert present(asked.crossing).course == "crosses"
    told = " ".join(found.sentences)
    assert "Without any training instruct has an accuracy of" in told
    assert "lora overtakes instruct at" in told
    assert [one.pays.size for one in found.by_mode] == [32.0]
    assert "by another way (likeliest label)" in told
    # Nothing but what is asked stands beside the fine-tuned one.
    only = find_budget(answers, sizes, tuned=["lora"], others=[], race=None, left_out=[], seed=0)
    assert present(only.pays).size == 32.0
