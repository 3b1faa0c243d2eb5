"""Label budgets whose test rows belong together, and budgets of two draws."""

import json
from dataclasses import replace

import numpy as np
import pytest

from made_budget import simulated
from present import present
from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.crossing import crossing
from tunelab.evaluation.label_budget.curves import curve, difference
from tunelab.evaluation.label_budget.pays import fixed_limits, pays_from
from tunelab.evaluation.label_budget.power_law import extrapolated
from tunelab.evaluation.label_budget.racing import race
from tunelab.evaluation.label_budget.two_way import FEW_DRAWS, Sample, paired, two_way
from tunelab.evaluation.statistics.clusters import (
    Clusters,
    cluster_share,
    clusters_of,
    compare_clusters,
)

ROWS = 120
CURVES = {"tfidf": (0.60, 0.62, 0.65, 0.66), "lora": (0.40, 0.62, 0.78, 0.88)}
EVEN = present(clusters_of([row // 6 for row in range(ROWS)]))
# Groups of 1 to 10 rows.
UNEVEN = present(clusters_of([int(np.sqrt(2 * row)) for row in range(ROWS)]))
FEW = present(clusters_of([row // 40 for row in range(ROWS)]))


@pytest.fixture(scope="module")
def answers() -> BudgetAnswers:
    return simulated(CURVES, draws=4, rows=ROWS, seed=1)


def sample(clusters: Clusters | None, draws: int = 4) -> Sample:
    generator = np.random.default_rng(5)
    ease = generator.normal(size=21)[np.arange(ROWS) // 6 % 21]
    values = generator.normal(size=(draws, ROWS)) < ease + 0.3
    return Sample(tuple(range(draws)), values.astype(float), clusters)


def test_even_groups_are_as_their_means() -> None:
    found = two_way([sample(EVEN)])
    means = sample(None).values.reshape(4, 20, 6).mean(axis=2)
    alike = two_way([Sample((0, 1, 2, 3), means)])
    for name in ("means", "by_draws", "between_draws", "by_rows", "residual"):
        assert getattr(found, name) == pytest.approx(getattr(alike, name)), name
    assert (found.units, found.freedom) == (20, 19)
    assert found.reach() == pytest.approx(alike.reach())
    assert found.reach() > 1.2 * two_way([sample(None)]).reach()


def test_uneven_groups_have_the_clustered_standard_error() -> None:
    given = sample(UNEVEN)
    found = two_way([given])
    assert found.means[0] == pytest.approx(given.values.mean())
    error = UNEVEN.error(given.values.mean(axis=0), float(given.values.mean()))
    # The jackknife is about the mean of its own pseudo-values here, which differs little.
    assert np.sqrt(found.by_rows[0, 0]) == pytest.approx(error, rel=0.01)
    assert found.freedom == UNEVEN.freedom
    several = two_way([given, given])
    assert several.reaches(np.array([[1.0, 0.0]]))[0] == pytest.approx(found.reach())


def test_one_draw_is_that_of_clustered_rows(answers: BudgetAnswers) -> None:
    first = replace(
        answers, right={c: r for c, r in answers.right.items() if c.draw == 0}, clusters=UNEVEN
    )
    point, right = curve(first, "lora")[2], answers.at("lora", 2)[0].tolist()
    assert point.accuracy == cluster_share(right, UNEVEN)
    assert point.over == "rows"
    compared = compare_clusters(right, answers.at("tfidf", 2)[0].tolist(), UNEVEN, shares=True)
    assert difference(first, "lora", "tfidf", 2) == compared
    low, high = fixed_limits(present(paired(first, "lora", "tfidf", 2)), 0.025, 0.025)
    assert low == pytest.approx(compared.low)
    assert high == pytest.approx(compared.high)


def test_groups_decide_as_rows_do_with_wider_intervals(answers: BudgetAnswers) -> None:
    grouped = replace(answers, clusters=EVEN)
    found = pays_from(grouped, ["lora"], ["tfidf"])
    assert (found.verdict, found.size) == ("yes", 32.0)
    assert present(crossing(grouped, "tfidf", "lora").high) <= 64
    assert race(grouped, tuned=["lora"], others=["tfidf"]).best == "lora"
    assert difference(grouped, "lora", "tfidf", 3).p_value is not None


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (replace(simulated(CURVES, draws=4, rows=ROWS, seed=1), clusters=FEW), "3 groups are too"),
        (simulated(CURVES, draws=2, rows=ROWS, seed=1), FEW_DRAWS),
    ],
)
def test_too_little_gives_null_and_a_reason(budget: BudgetAnswers, reason: str) -> None:
    for point in curve(budget, "lora"):
        assert point.accuracy.value is not None
        assert (point.accuracy.low, point.accuracy.high, point.over) == (None, None, None)
        assert reason in present(point.accuracy.reason)
    found = difference(budget, "lora", "tfidf", 2)
    assert (found.low, found.p_value) == (None, None)
    assert reason in present(found.reason)
    crossed = crossing(budget, "tfidf", "lora")
    assert crossed.size is not None
    assert (crossed.low, crossed.high, crossed.over) == (None, None, None)
    assert reason in present(crossed.reason)
    assert reason in crossed.sentence
    told = pays_from(budget, ["lora"], ["tfidf"])
    assert told.verdict == "undecided"
    assert reason in told.sentence
    gain = extrapolated(budget, "lora").gain
    assert (gain.value, gain.low) == (None, None)
    decided = race(budget, tuned=["lora"], others=["tfidf"])
    assert (decided.best, decided.over) == (None, True)
    assert reason in " ".join(one.sentence for one in decided.questions)
    assert "NaN" not in json.dumps([told.to_dict(), crossed.to_dict(), decided.to_dict()])
