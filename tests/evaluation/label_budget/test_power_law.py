"""The power law against SciPy's least squares, and extrapolations as far as they were checked."""

import json

import numpy as np
import pytest
from scipy.optimize import curve_fit

from made_budget import SIZES, done_only, made_answers, simulated
from present import present
from tunelab.evaluation.label_budget.power_law import extrapolated, fit_power_law

LAW = tuple(0.9 - 1.2 * size**-0.45 for size in SIZES)


def test_a_law_is_found_again() -> None:
    law = fit_power_law(SIZES, [0.1 + 1.2 * size**-0.45 for size in SIZES])
    # Exponents are tried in steps of 4 %.
    assert law.exponent == pytest.approx(0.45, rel=0.03)
    assert law.floor == pytest.approx(0.1, abs=0.01)
    assert law.error(512) == pytest.approx(0.1 + 1.2 * 512**-0.45, abs=0.002)


@pytest.mark.parametrize("seed", range(4))
def test_no_worse_than_scipys_weighted_fit(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sizes, sigma = np.array(SIZES), np.array([0.05, 0.04, 0.03, 0.02, 0.015, 0.01])
    errors = 0.05 + 0.9 * sizes**-0.3 + sigma * generator.normal(size=6)

    def model(n: object, floor: float, scale: float, exponent: float) -> object:
        return floor + scale * np.asarray(n, dtype=float) ** -exponent

    found, _ = curve_fit(
        model, sizes, errors, p0=(0.05, 0.9, 0.3), sigma=sigma, bounds=(0, (1, 50, 3))
    )
    law = fit_power_law(SIZES, errors.tolist(), (1 / sigma**2).tolist())

    def loss(values: object) -> float:
        return float((((errors - np.asarray(values)) / sigma) ** 2).sum())

    assert loss([law.error(size) for size in SIZES]) <= 1.02 * loss(model(sizes, *found)) + 0.02
    assert law.floor >= 0
    assert law.scale >= 0


def test_the_gain_is_shown_as_far_as_it_was_checked() -> None:
    answers = simulated({"lora": LAW}, draws=10, rows=1000, seed=2, spread=0.05)
    found = extrapolated(answers, "lora", seed=1)
    truth = 1.2 * (256**-0.45 - 512**-0.45)
    assert present(found.gain.low) <= truth <= present(found.gain.high)
    assert present(found.gain.high) - present(found.gain.low) < 0.06
    assert (found.start, found.end, found.checked) == (256, 512, 4)
    assert [check.factor for check in found.checks] == [2, 4]
    assert all(check.holds for check in found.checks)
    assert found.sentence.startswith("lora: 2 times as many labels (512 rows a label) would bring")
    assert json.loads(json.dumps(found.to_dict()))["law"]["floor"] >= 0
    beyond = extrapolated(answers, "lora", factor=8, seed=1)
    assert beyond.gain.value is None
    assert "checked up to 4 times" in present(beyond.gain.reason)
    assert extrapolated(answers, "lora", seed=1) == found


def test_what_follows_no_law_is_not_extrapolated() -> None:
    # Nothing is learned from few rows, and then all at once.
    late = (0.30, 0.31, 0.36, 0.55, 0.74, 0.82)
    found = extrapolated(simulated({"lora": late}, draws=5, rows=500, seed=1, spread=0.05), "lora")
    assert found.gain.value is None
    assert found.checked is None
    assert "shape of a power law" in present(found.gain.reason)
    # It has not slowed down yet.
    rising = (0.20, 0.24, 0.30, 0.37, 0.48, 0.62)
    answers = simulated({"svm": rising}, draws=10, rows=1000, seed=1, spread=0.05)
    assert "rises faster" in present(extrapolated(answers, "svm").gain.reason)
    # Up to 128 rows it looks like a law, and then it stops.
    stops = (0.30, 0.42, 0.52, 0.60, 0.67, 0.671)
    found = extrapolated(
        simulated({"lora": stops}, draws=10, rows=3000, seed=1, spread=0.03), "lora"
    )
    assert found.gain.value is None
    assert found.gain.reason


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        ((0.5, 0.6), "at least three sizes"),
        ((0.5, 0.6, 0.65), "none can be held out"),
        ((0.6, 0.55, 0.52, 0.5), "does not rise"),
        ((1 - 1e-12,) * 4, "all answers are right"),
    ],
)
def test_undefined_cases_have_a_reason(curve: tuple[float, ...], reason: str) -> None:
    found = extrapolated(simulated({"lora": curve}, draws=3, rows=300, seed=3), "lora")
    assert found.gain.value is found.gain.low is None
    assert reason in present(found.gain.reason)
    assert reason in found.sentence


def test_nothing_done_and_no_rows() -> None:
    answers = simulated({"lora": LAW}, draws=2, rows=10, seed=1)
    found = extrapolated(done_only(answers, []), "lora")
    assert found.start is found.end is found.gain.value is None
    empty = made_answers({"lora": np.zeros((4, 2, 0), dtype=bool)})
    assert "test rows" in present(extrapolated(empty, "lora").gain.reason)


def test_wrong_use_ends_early() -> None:
    answers = simulated({"lora": LAW}, draws=2, rows=10, seed=1)
    with pytest.raises(ValueError, match="above 1, not 1"):
        extrapolated(answers, "lora", factor=1)
    with pytest.raises(ValueError, match="no classifier"):
        extrapolated(answers, "tfidf")
    with pytest.raises(ValueError, match="three sizes"):
        fit_power_law([1, 2], [0.5, 0.4])
