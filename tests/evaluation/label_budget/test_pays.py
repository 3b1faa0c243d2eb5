"""From where fine-tuning pays: the chain of sizes, the choice of the best, what is undecided."""

import json

import numpy as np
import pytest

from made_budget import done_only, made_answers, simulated
from present import present
from tunelab.evaluation.label_budget.curves import difference
from tunelab.evaluation.label_budget.pays import fixed_limits, gain_at, pays_from
from tunelab.evaluation.statistics.comparison import tango_interval

CURVES = {
    "tfidf": (0.50, 0.56, 0.60, 0.63),
    "embedding": (0.55, 0.58, 0.60, 0.62),
    "setfit": (0.50, 0.59, 0.70, 0.76),
    "lora": (0.35, 0.50, 0.72, 0.84),
}
TUNED, OTHERS = ("setfit", "lora"), ("tfidf", "embedding")


def test_it_pays_from_the_first_size_of_an_unbroken_row_of_gains() -> None:
    found = pays_from(simulated(CURVES, draws=5, rows=600, seed=1), TUNED, OTHERS)
    assert (found.verdict, found.size) == ("yes", 32.0)
    assert [gain.size for gain in found.gains] == [8, 16, 32, 64]
    assert (found.gains[-1].tuned, found.gains[-1].other) == ("lora", "embedding")
    assert present(found.gains[2].gain.low) > 0 > present(found.gains[1].gain.low)
    assert found.sentence.startswith("Fine-tuning pays from 32 rows a label on (+")
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == "yes"


def test_a_gain_at_a_smaller_size_does_not_count_behind_a_gap() -> None:
    gap = {"tfidf": (0.4, 0.7, 0.7), "lora": (0.7, 0.7, 0.9)}
    found = pays_from(simulated(gap, draws=5, rows=600, seed=1), ["lora"], ["tfidf"])
    assert (found.verdict, found.size) == ("yes", 32.0)
    assert present(found.gains[0].gain.low) > 0


def test_it_does_not_pay_within_what_there_is() -> None:
    found = pays_from(simulated(CURVES, draws=5, rows=600, seed=1), OTHERS, TUNED)
    assert (found.verdict, found.size, found.reason) == ("no", None, None)
    assert found.sentence.startswith("Fine-tuning does not pay up to 64 rows a label (−")


def test_undecided_has_a_reason() -> None:
    close = {"tfidf": (0.5, 0.6), "lora": (0.5, 0.61)}
    answers = simulated(close, draws=3, rows=100, seed=1)
    found = pays_from(answers, ["lora"], ["tfidf"])
    assert (found.verdict, found.size) == ("undecided", None)
    assert "no difference between the two groups" in present(found.reason)
    smallest = done_only(answers, [cell for cell in answers.right if cell.size == 0])
    found = pays_from(smallest, ["lora"], ["tfidf"])
    assert (found.verdict, found.size) == ("undecided", None)
    assert "no draw of this size was done" in present(found.reason)
    for none in (done_only(answers, []), made_answers({"a": np.zeros((1, 2, 0), dtype=bool)})):
        first, second = none.classifiers[0], none.classifiers[-1]
        found = pays_from(none, [first], [] if first == second else [second])
        assert found.verdict == "undecided"
        assert found.reason


def test_one_of_each_group_is_the_paired_interval() -> None:
    answers = simulated(CURVES, draws=4, rows=300, seed=2)
    (gain,) = pays_from(answers, ["lora"], ["tfidf"]).gains[3:]
    pair = difference(answers, "lora", "tfidf", 3)
    assert (gain.gain.low, gain.gain.high) == pytest.approx((pair.low, pair.high))
    assert gain.gain.value == pytest.approx(pair.value)


def test_the_limits_allow_for_the_choice() -> None:
    answers = simulated(CURVES, draws=4, rows=300, seed=2)
    both = gain_at(answers, TUNED, OTHERS, 3, limits=fixed_limits)
    # By hand: at least what one of two tuned ones gains over every other, each at half the level.
    lows = {
        (one, other): present(
            gain_at(answers, [one], [other], 3, limits=fixed_limits, alpha=0.025).gain.low
        )
        for one in TUNED
        for other in OTHERS
    }
    low = max(min(lows[one, other] for other in OTHERS) for one in TUNED)
    assert both.gain.low == pytest.approx(low)
    alone = gain_at(answers, ["lora"], OTHERS, 3, limits=fixed_limits)
    assert present(both.gain.low) < present(alone.gain.low)


def test_one_draw_takes_tangos_limits() -> None:
    answers = simulated(CURVES, draws=1, rows=300, seed=3)
    gain = pays_from(answers, ["lora"], ["tfidf"]).gains[2]
    left, right = answers.at("lora", 2)[0], answers.at("tfidf", 2)[0]
    limits = tango_interval(int((left & ~right).sum()), int((right & ~left).sum()), 300)
    assert (gain.gain.low, gain.gain.high) == pytest.approx(limits)
    assert gain.over == "rows"


def test_rarely_wrong_where_nothing_pays() -> None:
    alike = dict.fromkeys(CURVES, (0.5, 0.6, 0.7))
    wrong = sum(
        pays_from(simulated(alike, draws=3, rows=100, seed=seed), TUNED, OTHERS).verdict
        != "undecided"
        for seed in range(60)
    )
    # Eight of 60 have a probability of 1 in 90 if 5 % are wrong.
    assert wrong < 8


def test_groups_do_not_share_a_classifier() -> None:
    answers = simulated(CURVES, draws=2, rows=20, seed=1)
    with pytest.raises(ValueError, match="lora cannot be"):
        pays_from(answers, ["lora"], ["lora", "tfidf"])
    with pytest.raises(ValueError, match="no classifier 'bert'"):
        pays_from(answers, ["bert"], ["tfidf"])
