"""The classifier two-sample test: its level, its power, and what it cannot test."""

import numpy as np
import pytest

from tunelab.evaluation.drift.hashed_words import BUCKETS, as_matrix, hash_words
from tunelab.evaluation.drift.two_sample import FEWEST, tell_apart


def _texts(count: int, seed: int, first: int = 0) -> list[tuple[int, ...]]:
    """Texts of eight words out of forty, from ``first`` on."""
    generator = np.random.default_rng(seed)
    return [
        tuple(sorted(set((first + generator.integers(40, size=8)).tolist()))) for _ in range(count)
    ]


def test_equal_samples_are_seldom_called_different() -> None:
    found = [
        tell_apart(_texts(80, 2 * one), _texts(40, 2 * one + 1), seed=one).p_value or 0.0
        for one in range(60)
    ]
    # At a level of 5 %, 9 or more of 60 come by chance in one of 200 tries.
    assert sum(value < 0.05 for value in found) < 9
    # Uniform, as a p-value is.
    assert 0.38 < float(np.mean(found)) < 0.62


def test_other_words_are_seen() -> None:
    found = tell_apart(_texts(80, 1), _texts(40, 2, first=20), seed=0)
    assert found.p_value is not None
    assert found.p_value < 1e-4
    assert found.auc is not None
    assert found.auc > 0.9
    assert (found.old, found.new, found.reason) == (80, 40, None)


@pytest.mark.parametrize(("old", "new"), [(80, FEWEST - 1), (FEWEST - 1, 80), (0, 0)])
def test_few_texts_are_not_tested(old: int, new: int) -> None:
    found = tell_apart(_texts(old, 1), _texts(new, 2), seed=0)
    assert (found.p_value, found.auc) == (None, None)
    assert found.reason is not None
    assert f"fewer than {FEWEST}" in found.reason


def test_texts_without_a_word_are_alike() -> None:
    found = tell_apart([()] * 40, [()] * 40, seed=0)
    assert (found.p_value, found.auc) == (1.0, 0.5)


def test_words_are_hashed_without_case_and_order() -> None:
    one = hash_words("We won, we WON the game!", "words")
    assert one == hash_words("the game we won", "words")
    assert len(one) == 4
    assert all(0 <= bucket < BUCKETS for bucket in one)
    assert hash_words("  ", "words") == hash_words("!", "words") == ()
    # Letters and pairs of them, where words have no blanks between them.
    assert len(hash_words("我们赢", "letters")) == 5
    matrix = as_matrix([one, ()])
    assert matrix.shape == (2, BUCKETS)
    assert matrix.sum(axis=1).tolist() == [[4.0], [0.0]]
