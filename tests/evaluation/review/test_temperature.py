"""The temperature of probabilities, where rows determine one and where they do not."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from tunelab.evaluation.review.temperature import fit_temperature, with_temperature


def _rows(rows: int, labels: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that mean what they say, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    table = softmax(generator.normal(scale=2, size=(rows, labels)), axis=1)
    return table, (generator.random(rows)[:, None] > table.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_comes_out(scale: float) -> None:
    table, truth = _rows(20_000)
    found = fit_temperature(with_temperature(table, scale), truth)
    assert found.value == pytest.approx(1 / scale, rel=0.05)
    assert found.before is not None
    assert found.after is not None
    assert found.after <= found.before + 1e-9


def test_it_is_the_minimum_of_a_fine_grid() -> None:
    table, truth = _rows(300, seed=3)
    found = fit_temperature(table**2 / (table**2).sum(axis=1, keepdims=True), truth)
    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 4001))
    rows = np.arange(len(truth))
    losses = [-log_softmax(2 * np.log(table) / one, axis=1)[rows, truth].mean() for one in grid]
    assert found.value == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    assert found.after == pytest.approx(min(losses), abs=1e-7)


def test_with_a_temperature_the_order_stays_and_rows_sum_to_one() -> None:
    table, _ = _rows(50)
    for temperature in (0.3, 3.0):
        scaled = with_temperature(table, temperature)
        assert scaled.sum(axis=1) == pytest.approx(1)
        assert (scaled.argsort(axis=1) == table.argsort(axis=1)).all()
        assert scaled == pytest.approx(softmax(np.log(table) / temperature, axis=1))
    assert (with_temperature(table, 1.0) == table).all()
    assert with_temperature([[1.0, 0.0]], 2.0)[0, 1] == pytest.approx(1e-6, rel=1e-3)
    assert with_temperature(np.zeros((0, 3)), 2.0).shape == (0, 3)


def test_where_rows_do_not_determine_it_there_is_none() -> None:
    table, truth = _rows(100)
    right = table.argmax(axis=1)
    cases = [
        (fit_temperature([], []), "there are no rows"),
        (fit_temperature(table[:19], truth[:19]), "19 rows of at least 20"),
        (fit_temperature(table, right), "all 100 rows are right"),
        (fit_temperature(np.full((50, 4), 0.25), truth[:50]), "the same probability"),
        (fit_temperature(table, (-table).argmax(axis=1)), "20 or more"),
    ]
    for found, reason in cases:
        assert found.value is None
        assert reason in str(found.reason)
        assert found.after is None


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        fit_temperature([[0.9, 0.9]] * 30, [0] * 30)
