"""Draws of a few rows of each label: nested, stratified, and decided by their seed."""

from collections import Counter
from itertools import pairwise

import pytest

from tunelab.data.examples import Example
from tunelab.data.nested_draws import draw_rows, mean_per_label, short_labels

ROWS = [
    Example(f"text {number}", label)
    for label, count in (("joy", 40), ("fear", 25), ("anger", 5))
    for number in range(count)
]


def counts(rows: list[Example]) -> dict[str, int]:
    return dict(Counter(row.label for row in rows))


@pytest.mark.parametrize("seed", [0, 7, "42/3"])
def test_a_smaller_draw_is_a_part_of_the_larger_ones(seed: int | str) -> None:
    sizes = [1, 2, 4, 8, 16, 30, None]
    draws = [draw_rows(ROWS, size, seed=seed) for size in sizes]
    for smaller, larger in pairwise(draws):
        assert {(row.text, row.label) for row in smaller} < {
            (row.text, row.label) for row in larger
        }


def test_each_label_has_as_many_rows_or_all_that_it_has() -> None:
    assert counts(draw_rows(ROWS, 4, seed=1)) == {"joy": 4, "fear": 4, "anger": 4}
    assert counts(draw_rows(ROWS, 8, seed=1)) == {"joy": 8, "fear": 8, "anger": 5}
    assert counts(draw_rows(ROWS, None, seed=1)) == {"joy": 40, "fear": 25, "anger": 5}


def test_no_row_is_drawn_twice() -> None:
    drawn = draw_rows(ROWS, 30, seed=2)
    assert len({(row.text, row.label) for row in drawn}) == len(drawn) == 60


def test_the_seed_decides_the_draw() -> None:
    first, again, other = (draw_rows(ROWS, 4, seed=seed) for seed in ("1/0", "1/0", "1/1"))
    assert first == again
    assert first != other


def test_labels_are_mixed() -> None:
    labels = [row.label for row in draw_rows(ROWS, 5, seed=3)]
    assert labels != sorted(labels)


def test_mean_rows_of_a_label() -> None:
    assert mean_per_label([40, 25, 5], 8) == (8 + 8 + 5) / 3
    assert mean_per_label([40, 25, 5], None) == 70 / 3
    # A label that only test rows have is not trained.
    assert mean_per_label([40, 0], 8) == 8
    assert mean_per_label([], 8) == 0


def test_labels_with_fewer_rows() -> None:
    held = {"joy": 40, "fear": 25, "anger": 5, "love": 0}
    assert short_labels(held, 5) == {}
    assert short_labels(held, 30) == {"fear": 25, "anger": 5}


GROUPED = [
    Example(f"text {number}", ("joy", "fear")[number % 2], group=f"author {number // 10}")
    for number in range(100)
] + [Example(f"alone {number}", "joy") for number in range(20)]


@pytest.mark.parametrize("seed", [0, "42/3"])
def test_rows_that_belong_together_are_drawn_together(seed: int | str) -> None:
    """Each author wrote five rows of each label: of six rows, one author may have some only."""
    for size in (5, 6, 15):
        drawn = draw_rows(GROUPED, size, seed=seed)
        fear = Counter(row.group for row in drawn if row.label == "fear")
        assert sum(fear.values()) == size
        assert sorted(fear.values(), reverse=True)[: size // 5] == [5] * (size // 5)
        assert len(fear) == -(-size // 5)
    small, large = (draw_rows(GROUPED, size, seed=seed) for size in (6, 15))
    assert {row.text for row in small} < {row.text for row in large}
    assert draw_rows(GROUPED, 6, seed=seed) == small
    assert {row.text for row in draw_rows(GROUPED, None, seed=seed)} == {
        row.text for row in GROUPED
    }


def test_a_row_without_a_group_is_drawn_as_one() -> None:
    """Twenty of thirty draws are of a row alone, which brings no other one with it."""
    first = [
        next(row for row in draw_rows(GROUPED, 1, seed=seed) if row.label == "joy")
        for seed in range(60)
    ]
    assert 20 < sum(row.group is None for row in first) < 58
