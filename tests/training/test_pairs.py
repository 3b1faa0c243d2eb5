"""Pairs for contrastive training: half with one label, each once before any is repeated."""

from collections import Counter

import pytest

from tunelab.training.pairs import count_pairs, draw_pairs

LABELS = [*"aaaa", *"bbb", "c"]


def test_counts() -> None:
    assert count_pairs(LABELS) == (6 + 3, 12 + 4 + 3)


@pytest.mark.parametrize("count", [4, 18, 38, 100])
def test_half_have_one_label_and_none_comes_early_again(count: int) -> None:
    pairs = draw_pairs(LABELS, count, seed=3)
    assert len(pairs) == count
    assert sum(pair.same for pair in pairs) == count // 2
    for same, available in ((True, 9), (False, 19)):
        drawn = [tuple(sorted((one.left, one.right))) for one in pairs if one.same == same]
        assert all((LABELS[left] == LABELS[right]) == same for left, right in drawn)
        assert all(left != right for left, right in drawn)
        times = Counter(drawn)
        assert len(times) == min(available, len(drawn))
        assert max(times.values()) - min(times.values()) <= 1


def test_the_seed_decides() -> None:
    assert draw_pairs(LABELS, 20, seed=1) == draw_pairs(LABELS, 20, seed=1)
    assert draw_pairs(LABELS, 20, seed=1) != draw_pairs(LABELS, 20, seed=2)


def test_few_of_very_many_are_drawn_evenly() -> None:
    labels = ["a"] * 3000 + ["b"] * 1000
    pairs = draw_pairs(labels, 4000, seed=0)
    same = [pair for pair in pairs if pair.same]
    # 0.9 of the pairs with one label are of the label a.
    assert sum(labels[pair.left] == "a" for pair in same) / len(same) == pytest.approx(
        0.9, abs=0.02
    )
    assert len({(pair.left, pair.right) for pair in pairs}) == 4000


def test_one_row_of_each_label_and_one_label() -> None:
    assert not any(pair.same for pair in draw_pairs(["a", "b"], 4, seed=0))
    with pytest.raises(ValueError, match="fewer than two labels"):
        draw_pairs(["a", "a"], 4, seed=0)
