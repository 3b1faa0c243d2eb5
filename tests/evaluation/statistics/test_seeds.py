"""Variation of seeds and of rows by hand, against statsmodels' analysis of variance and SciPy."""

import math

import numpy as np
import pandas
import pytest
from scipy.special import expit, logit
from scipy.stats import t, ttest_1samp
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from present import present
from tunelab.evaluation.statistics.seeds import across_seeds, standard_deviation, summarize


def _answers(seeds: int, rows: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    ease = generator.normal(size=(1, rows)) + 0.2 * generator.normal(size=(seeds, 1))
    return generator.normal(size=(seeds, rows)) < ease + 0.8


def test_by_hand() -> None:
    # Two seeds, four rows. Accuracies 1 and 1/2, mean 3/4; row means 1, 1, 1/2, 1/2.
    summary = across_seeds([[True, True, True, True], [True, True, False, False]])
    # Seeds: 4 · 2 · (1/4)² / 1 = 1/2. Rows: 2 · 4 · (1/4)² / 3 = 1/6. Rest: 1/2 / 3 = 1/6.
    assert summary.variance_seeds == pytest.approx((1 / 2 - 1 / 6) / 4)
    assert summary.variance_rows == pytest.approx(0)
    assert summary.variance_residual == pytest.approx(1 / 6)
    assert summary.error_seeds == pytest.approx(math.sqrt(1 / 12 / 2))
    assert summary.error_residual == pytest.approx(math.sqrt(1 / 6 / 8))
    assert summary.sd == pytest.approx(math.sqrt(1 / 8))
    assert summary.disagreeing == 2
    assert (summary.seeds, summary.rows) == (2, 4)
    assert summary.reason is summary.note is None


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_statsmodels(seed: int) -> None:
    answers = _answers(4, 30, seed)
    frame = pandas.DataFrame(
        [
            {"right": float(answers[training, row]), "training": training, "row": row}
            for training in range(4)
            for row in range(30)
        ]
    )
    table = anova_lm(ols("right ~ C(training) + C(row)", frame).fit())
    squares = table["mean_sq"]
    summary = across_seeds(answers.tolist())
    rest = squares["Residual"]
    assert summary.variance_residual == pytest.approx(rest)
    assert summary.variance_seeds == pytest.approx(max(0, (squares["C(training)"] - rest) / 30))
    assert summary.variance_rows == pytest.approx(max(0, (squares["C(row)"] - rest) / 4))
    assert (summary.note is not None) == bool(min(squares[:2]) < rest)
    # The t interval over seeds is that of a one-sample t test.
    interval = ttest_1samp(answers.mean(axis=1), 0).confidence_interval()
    assert (summary.accuracy.low, summary.accuracy.high) == pytest.approx(tuple(interval))


def test_interval_for_any_rows() -> None:
    answers = _answers(3, 200, 1)
    summary = across_seeds(answers.tolist())
    by_row = answers.mean(axis=0)
    squares = (
        t.ppf(0.975, 2) ** 2 * present(summary.error_seeds) ** 2,
        t.ppf(0.975, 199) ** 2 * by_row.var(ddof=1) / 200,
    )
    reach = math.sqrt(sum(squares))
    middle = answers.mean()
    found = summary.accuracy_anywhere
    step = reach / (middle * (1 - middle))
    assert (found.low, found.high) == pytest.approx(
        (expit(logit(middle) - step), expit(logit(middle) + step))
    )
    # On its own scale the interval is about as wide.
    assert present(found.high) - present(found.low) == pytest.approx(2 * reach, rel=0.05)


def test_negative_variance_is_said() -> None:
    # Seeds that are equally good but right on different rows: they vary less than chance.
    summary = across_seeds([[True, False] * 10, [False, True] * 10, [True, False] * 10])
    assert summary.variance_seeds == 0
    assert summary.error_seeds == 0
    assert "seeds" in (summary.note or "")
    assert "negative" in (summary.note or "")
    assert summary.disagreeing == 20


def test_undefined() -> None:
    one = across_seeds([[True, False, True]])
    assert one.accuracy.value == pytest.approx(2 / 3)
    assert one.accuracy.low is one.accuracy_anywhere.low is one.sd is one.error_seeds is None
    assert one.reason == one.accuracy.reason == "one seed shows no spread"
    row = across_seeds([[True], [False]])
    assert row.accuracy.value == 0.5
    assert row.sd == pytest.approx(math.sqrt(0.5))
    assert row.disagreeing == 1
    assert row.error_rows is row.accuracy_anywhere.low is None
    assert row.reason == "one row shows no spread"
    assert across_seeds([]).reason == "there are no seeds"
    assert across_seeds([[], []]).reason == "there are no rows"
    perfect = across_seeds([[True, True], [True, True]])
    assert perfect.accuracy_anywhere.low is None
    assert "alike" in (perfect.accuracy_anywhere.reason or "")
    assert perfect.variance_seeds == perfect.variance_rows == 0
    assert perfect.note is None
    with pytest.raises(ValueError, match="same rows"):
        across_seeds([[True], [True, False]])


def test_equal_seeds_still_vary_by_rows() -> None:
    summary = across_seeds([[True, True, False, True]] * 3)
    assert summary.accuracy.low is None
    assert "no spread" in (summary.accuracy.reason or "")
    assert summary.error_seeds == 0
    assert summary.disagreeing == 0
    anywhere = summary.accuracy_anywhere
    assert present(anywhere.low) < 0.75 < present(anywhere.high)


def test_summary_of_any_metric() -> None:
    # Mean 0.8, standard deviation 0.1, t(2) = 4.302653: 0.8 ± 4.302653 · 0.1 / √3.
    outcome = summarize([0.7, 0.8, None, 0.9])
    assert outcome.value == pytest.approx(0.8)
    assert (outcome.low, outcome.high) == pytest.approx((0.551586, 1.048414), abs=1e-6)
    assert summarize([0.7, 0.8, 0.9], bounds=(0.0, 1.0)).high == 1
    assert standard_deviation([0.7, 0.8, None, 0.9]) == pytest.approx(0.1)
    assert summarize([0.7, None]).reason == "one seed shows no spread"
    assert summarize([0.1 + 0.2, 0.3]).low is None
    assert summarize([None]).reason == "there are no values"
    assert standard_deviation([0.5]) is None
