"""A race: what it asks for, when it stops, what it says, and that looking often does not lie."""

import json
from typing import Any

import numpy as np
import pytest

from made_budget import done_only, made_answers, simulated
from present import present
from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.race_record import Race
from tunelab.evaluation.label_budget.racing import race
from tunelab.evaluation.label_budget.sequential import looks, sequential_limits
from tunelab.evaluation.label_budget.two_way import paired, two_way

CLEAR = {"tfidf": (0.5, 0.55, 0.6), "embedding": (0.5, 0.54, 0.58), "lora": (0.4, 0.65, 0.85)}
TIE = {"tfidf": (0.3, 0.4, 0.5), "setfit": (0.6, 0.7, 0.8), "lora": (0.6, 0.7, 0.8)}


def _run(full: BudgetAnswers, **options: Any) -> tuple[Race, list[Race]]:
    """A race to its end, and every look at it."""
    done: list[BudgetCell] = []
    seen = []
    for _ in range(50):
        found = race(done_only(full, done), **options)
        seen.append(found)
        if found.over:
            return found, seen
        assert not set(found.next) & set(done)
        done += found.next
    raise AssertionError("the race does not end")


def test_looks() -> None:
    assert looks(10) == (3, 5, 10)
    assert looks(20) == (3, 5, 9, 15, 20)
    assert [looks(planned) for planned in (1, 2, 3, 4, 5)] == [(1,), (2,), (3,), (3, 4), (3, 5)]


def test_every_classifier_begins_at_every_size() -> None:
    full = simulated(CLEAR, draws=10, rows=100, seed=1)
    begin = race(done_only(full, []))
    assert len(begin.next) == 3 * 3 * 3
    assert {cell.draw for cell in begin.next} == {0, 1, 2}
    # All of a draw before the next one, so that stopping in between leaves pairs.
    assert [cell.draw for cell in begin.next] == sorted(cell.draw for cell in begin.next)
    assert begin.questions[0].state == "open"
    assert begin.best is None
    assert begin.left == full.classifiers
    half = race(done_only(full, begin.next[:5]))
    assert set(half.next) == set(begin.next[5:])


def test_a_clear_best_ends_it_early() -> None:
    full = simulated(CLEAR, draws=10, rows=600, seed=1, spread=0.03)
    found, _ = _run(full, tuned=["lora"], others=["tfidf", "embedding"])
    assert found.best == "lora"
    assert found.left == ("lora",)
    assert found.alike == ()
    assert present(found.pays).verdict == "yes"
    assert present(found.pays).size == 16
    assert [one.state for one in found.questions] == ["decided", "decided"]
    assert found.done <= 0.5 * found.planned == 45
    assert sum(len(one.cells) for one in found.undone) == found.planned - found.done
    assert all(one.reason for one in found.undone)
    assert json.loads(json.dumps(found.to_dict()))["over"] is True
    # What it says is what all draws say.
    assert race(full).best == "lora"


def test_a_tie_ends_too() -> None:
    full = simulated(TIE, draws=10, rows=200, seed=3)
    found, seen = _run(full)
    assert found.best is None
    assert set(found.left) == {"setfit", "lora"}
    assert found.questions[0].state == "left open"
    assert "200 test rows" in found.questions[0].sentence
    assert found.done < 0.6 * found.planned
    assert len(seen) <= 4
    # The beaten one does no more draws than the first look took.
    done = {cell for one in found.undone if one.classifier == "tfidf" for cell in one.cells}
    assert {cell.draw for cell in done if cell.size == 2} >= set(range(5, 10))


def test_classifiers_within_the_margin_are_about_the_same() -> None:
    full = simulated(TIE, draws=10, rows=800, seed=3, spread=0.02)
    found, _ = _run(full, margin=0.12)
    assert set(found.alike) == {"setfit", "lora"}
    assert found.questions[0].state == "decided"
    assert "less than 12.0 %" in found.questions[0].sentence
    same = full.at("lora", 0), full.at("lora", 1), full.at("lora", 2)
    twins = made_answers({"lora": np.stack(same), "copy": np.stack(same)})
    found, _ = _run(twins)
    assert found.alike == ("lora", "copy")


def test_the_same_answers_give_the_same_race() -> None:
    full = simulated(TIE, draws=10, rows=150, seed=2)
    cells = list(full.right)[:70]
    first, second = race(done_only(full, cells)), race(done_only(full, cells[::-1]))
    assert first.to_dict() == second.to_dict()


def test_between_two_looks_nothing_new_is_decided() -> None:
    full = simulated(CLEAR, draws=10, rows=300, seed=1, spread=0.03)

    def upto(draws: int) -> Race:
        return race(done_only(full, [cell for cell in full.right if cell.draw < draws]))

    assert [gap.low for gap in upto(4).gaps] == [gap.low for gap in upto(3).gaps]
    assert all(gap.low is None for gap in upto(2).gaps)


def test_limits_of_a_look_take_their_share_of_the_level_for_the_draws() -> None:
    full = simulated(CLEAR, draws=10, rows=300, seed=1)
    sample = present(paired(full, "lora", "tfidf", 2)).first(3)
    low, high = sequential_limits(10)(sample, 0.025, 0.025)
    means = two_way([sample])
    reach = means.reach(level=0.05 / 3, rows_level=0.05)
    assert (low, high) == pytest.approx((means.means[0] - reach, means.means[0] + reach))
    assert reach > means.reach()
    # Later looks can only make them narrower.
    more = sequential_limits(10)(present(paired(full, "lora", "tfidf", 2)), 0.025, 0.025)
    assert present(low) <= present(more[0]) < present(more[1]) <= present(high)


def test_looking_often_does_not_lie() -> None:
    # benchmarks/statistics/label_budgets.py does the same for 2,000 studies of five classifiers.
    alike = {"setfit": (0.8,), "lora": (0.8,)}
    wrong = 0
    for seed in range(100):
        full = simulated(alike, draws=10, rows=60, seed=seed, spread=0.2)
        wrong += any(
            race(done_only(full, [cell for cell in full.right if cell.draw < draws])).best
            for draws in (3, 5, 10)
        )
    # With 5 % wrong, 12 of 100 or more have a probability of 1 in 200.
    assert wrong < 12


def test_one_draw_of_all_rows_is_decided_by_its_rows() -> None:
    full = simulated(CLEAR, draws=1, rows=400, seed=1)
    found, seen = _run(full)
    assert found.best == "lora"
    assert len(seen) == 2
    assert "the training rows count as given" in found.guarantee


def test_one_classifier_needs_no_race_and_no_rows_decide_nothing() -> None:
    alone = simulated({"lora": (0.5, 0.6)}, draws=4, rows=50, seed=1)
    found, _ = _run(alone)
    assert found.best == "lora"
    empty = made_answers({name: np.zeros((2, 3, 0), dtype=bool) for name in ("lora", "tfidf")})
    found, _ = _run(empty, tuned=["lora"], others=["tfidf"])
    assert found.best is None
    assert [one.state for one in found.questions] == ["left open", "left open"]


def test_wrong_use_ends_early() -> None:
    full = simulated(CLEAR, draws=2, rows=20, seed=1)
    with pytest.raises(ValueError, match="no classifier 'bert'"):
        race(full, tuned=["bert"])
    with pytest.raises(ValueError, match="lora cannot be"):
        race(full, tuned=["lora"], others=["lora"])
    with pytest.raises(ValueError, match="alpha"):
        race(full, alpha=0)
    with pytest.raises(ValueError, match="needs a size"):
        race(BudgetAnswers((), (), (), {}))
