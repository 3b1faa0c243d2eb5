"""Variance components of wordings, seeds and rows, against statsmodels and made-up effects."""

import numpy as np
import pandas as pd
import pytest

from tunelab.evaluation.statistics.crossed import _mean_squares, crossed_variation


def _table(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, size=shape)


def test_mean_squares_are_those_of_statsmodels() -> None:
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    table = _table((3, 2, 5), 1)
    rows = pd.DataFrame(
        [
            {"w": w, "s": s, "r": r, "y": float(table[w, s, r])}
            for w in range(3)
            for s in range(2)
            for r in range(5)
        ]
    )
    # All effects but the residual: with it, nothing would be left over.
    terms = "C(w) + C(s) + C(r) + C(w):C(s) + C(w):C(r) + C(s):C(r)"
    found = anova_lm(ols(f"y ~ {terms}", rows).fit())
    own = _mean_squares(table.astype(float))
    for ours, theirs in {
        "wording": "C(w)",
        "seed": "C(s)",
        "row": "C(r)",
        "wording and seed": "C(w):C(s)",
        "wording and row": "C(w):C(r)",
        "seed and row": "C(s):C(r)",
        "residual": "Residual",
    }.items():
        assert own[ours] == pytest.approx(found.loc[theirs, "mean_sq"]), ours


def test_components_come_back_in_the_mean() -> None:
    """Effects of known variances, on a scale where they need not be right or wrong."""
    from tunelab.evaluation.statistics.crossed import _components

    generator = np.random.default_rng(0)
    deviations = {"wording": 0.5, "seed": 0.3, "row": 1.0, "wording and row": 0.4, "residual": 0.6}
    shape = (4, 3, 30)
    found = []
    for _ in range(400):
        table = deviations["residual"] * generator.standard_normal(shape)
        table += deviations["wording"] * generator.standard_normal((4, 1, 1))
        table += deviations["seed"] * generator.standard_normal((1, 3, 1))
        table += deviations["row"] * generator.standard_normal((1, 1, 30))
        table += deviations["wording and row"] * generator.standard_normal((4, 1, 30))
        found.append(_components(_mean_squares(table), shape))
    mean = pd.DataFrame(found).mean()
    for name, deviation in deviations.items():
        assert mean[name] == pytest.approx(deviation**2, rel=0.15), name
    assert abs(mean["wording and seed"]) < 0.01
    assert abs(mean["seed and row"]) < 0.01


def test_one_seed_is_wordings_by_rows() -> None:
    table = _table((3, 1, 40), 2)
    found = crossed_variation(table.astype(bool).tolist())
    by_wording = table.mean(axis=(1, 2))
    assert found.by_wording == pytest.approx(by_wording.tolist())
    # What the accuracies on these rows vary by, as they are seen.
    assert found.note is not None or found.sd_wording == pytest.approx(by_wording.std(ddof=1))
    assert (found.sd_seed, found.reason) == (None, "one seed shows no spread")
    assert found.over_wordings.value == pytest.approx(table.mean())
    shifted = np.concatenate([np.ones((1, 1, 40)), np.zeros((1, 1, 40))])
    apart = crossed_variation(shifted.astype(bool).tolist())
    assert apart.sd_wording == pytest.approx(np.sqrt(0.5))
    assert apart.sd_rows == 0.0


@pytest.mark.parametrize(
    ("shape", "reason"), [((1, 2, 9), "one wording"), ((3, 2, 1), "one row"), ((0, 0, 0), "no ans")]
)
def test_undefined(shape: tuple[int, int, int], reason: str) -> None:
    found = crossed_variation(_table(shape, 3).astype(bool).tolist())
    assert found.sd_wording is None
    assert found.reason is not None
    assert reason in found.reason
    with pytest.raises(ValueError, match="the same seeds and rows"):
        crossed_variation([[[True, False]], [[True]]])
