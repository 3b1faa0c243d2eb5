"""Conformal p-values of single texts: valid where nothing drifted, small where a text did."""

import numpy as np

from tunelab.evaluation.drift.of_rows import unlike_training


def _texts(generator: np.random.Generator, count: int, low: int, high: int) -> list[list[int]]:
    return [sorted(set(generator.integers(low, high, 8).tolist())) for _ in range(count)]


def test_texts_that_are_alike_have_p_values_that_hold_their_level() -> None:
    below = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        old, new = _texts(generator, 100, 0, 300), _texts(generator, 60, 0, 300)
        p_values = unlike_training(old, new, seed=seed)
        below += [one <= 0.1 for one in p_values]
    # 1,200 p-values, those of one draw dependent; on average at most a tenth is that low.
    assert np.mean(below) < 0.13


def test_texts_of_other_words_have_small_ones_in_their_order() -> None:
    generator = np.random.default_rng(0)
    old = _texts(generator, 200, 0, 300)
    new = [*_texts(generator, 20, 0, 300), *_texts(generator, 100, 300, 600)]
    p_values = unlike_training(old, new, seed=0)
    assert max(p_values[20:]) < 0.05
    assert sum(one < 0.05 for one in p_values[:20]) < 5
    assert min(p_values) >= 1 / 101
    assert p_values == unlike_training(old, new, seed=0)
