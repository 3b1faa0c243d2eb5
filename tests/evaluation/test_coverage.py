"""Each 95 % interval holds the true value in 93 to 97 % of 2,000 simulated studies.

benchmarks/statistics/coverage.py does the same for many more designs.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pytest
from scipy.special import ndtr

from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.metrics.f1 import STATISTICS
from tunelab.evaluation.statistics.bootstrap import limits
from tunelab.evaluation.statistics.cell_bootstrap import count_bootstrap, of_cells
from tunelab.evaluation.statistics.comparison import compare_means, tango_interval
from tunelab.evaluation.statistics.seeds import across_seeds

STUDIES = 2000


def _covered(
    bounds: Iterable[tuple[float | None, float | None]], truth: float | list[float]
) -> float:
    low, high = np.array(list(bounds), dtype=float).T
    # Seeds whose accuracies happen to be equal have no interval.
    defined = np.isfinite(low)
    assert len(low) == STUDIES
    assert defined.mean() > 0.98
    return float(((low <= truth) & (truth <= high))[defined].mean())


@pytest.mark.parametrize(("rows", "accuracy"), [(240, 0.7), (1000, 0.9), (2000, 0.55)])
def test_wilson(rows: int, accuracy: float) -> None:
    hits = np.random.default_rng(rows).binomial(rows, accuracy, size=STUDIES)
    interval = lru_cache(wilson_interval)
    assert 0.93 <= _covered((interval(int(hit), rows) for hit in hits), accuracy) <= 0.97


@pytest.mark.parametrize(
    ("rows", "only_left", "only_right"), [(100, 0.15, 0.1), (240, 0.12, 0.12), (1000, 0.06, 0.02)]
)
def test_tango(rows: int, only_left: float, only_right: float) -> None:
    shares = [only_left, only_right, 1 - only_left - only_right]
    tables = np.random.default_rng(rows).multinomial(rows, shares, size=STUDIES)
    interval = lru_cache(tango_interval)
    bounds = (interval(int(table[0]), int(table[1]), rows) for table in tables)
    assert 0.93 <= _covered(bounds, only_left - only_right) <= 0.97


@pytest.mark.parametrize("models", [1, 2])
def test_f1(models: int) -> None:
    # Three uneven labels, each with its own accuracies; wrong answers are the next label.
    cells = [(label, *guess) for label in range(3) for guess in np.ndindex(*[2] * models)]
    right = np.array([[0.85, 0.75], [0.7, 0.7], [0.6, 0.5]])[:, :models]
    shares = np.array(
        [
            [0.5, 0.35, 0.15][label] * np.prod(np.where(missed, 1 - right[label], right[label]))
            for label, *missed in cells
        ]
    )
    cells = [(label, *((label + step) % 3 for step in missed)) for label, *missed in cells]
    truth = of_cells(list(STATISTICS.values()), cells, 3)(shares[None])[0]
    bounds: list[list[tuple[float, float]]] = []
    studies = np.random.default_rng(models).multinomial(240, shares, size=STUDIES)
    for number, counts in enumerate(studies):
        seen = counts > 0
        found = count_bootstrap(
            list(STATISTICS.values()),
            [cell for cell, kept in zip(cells, seen, strict=True) if kept],
            counts[seen],
            3,
            seed=number,
            resamples=600,
        )
        bounds.append(
            [
                limits(sample, freedom=sample.freedom) if models == 2 else limits(sample)
                for sample in found
            ]
        )
    for position, average in enumerate(STATISTICS):
        share = _covered((study[position] for study in bounds), truth[position])
        assert 0.93 <= share <= 0.97, average


@pytest.mark.parametrize(("seeds", "deviation"), [(3, 0.1), (5, 0.3)])
def test_mean_over_seeds(seeds: int, deviation: float) -> None:
    # A row is right where a normal draw of its own, of its seed's and of chance stay below 1.
    generator = np.random.default_rng(seeds)
    here, anywhere, expected = [], [], []
    for _ in range(STUDIES):
        ease = 1 + 1.5 * generator.standard_normal(240)
        effect = deviation * generator.standard_normal((seeds, 1))
        summary = across_seeds(generator.random((seeds, 240)) < ndtr(ease + effect))
        here.append((summary.accuracy.low, summary.accuracy.high))
        anywhere.append((summary.accuracy_anywhere.low, summary.accuracy_anywhere.high))
        expected.append(ndtr(ease / np.sqrt(1 + deviation**2)).mean())
    assert 0.93 <= _covered(here, expected) <= 0.97
    truth = ndtr(1 / np.sqrt(1 + 1.5**2 + deviation**2))
    assert 0.93 <= _covered(anywhere, truth) <= 0.97


def test_paired_t() -> None:
    generator = np.random.default_rng(0)
    bounds = []
    for _ in range(STUDIES):
        own = generator.standard_normal(240)
        left = np.exp(3 + 0.4 * own + 0.4 * generator.standard_normal(240))
        right = np.exp(2.5 + 0.4 * own + 0.4 * generator.standard_normal(240))
        outcome = compare_means(left.tolist(), right.tolist())
        bounds.append((outcome.low, outcome.high))
    truth = (np.exp(3) - np.exp(2.5)) * np.exp(0.16)
    assert 0.93 <= _covered(bounds, truth) <= 0.97
