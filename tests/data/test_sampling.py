"""Stratified sampling: exact proportions, any size, decided by the seed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunelab.data.examples import Example
from tunelab.data.sampling import disjoint_samples, stratified_sample
from tunelab.errors import UsageError

POOLS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=60)


def _rows(labels: list[str]) -> list[Example]:
    return [
        Example(f"text {position}", label, {"place": position})
        for position, label in enumerate(labels)
    ]


@given(POOLS, st.data(), st.integers(0, 2**32 - 1))
def test_proportions_are_exact(labels: list[str], data: st.DataObject, seed: int) -> None:
    rows = _rows(labels)
    n = data.draw(st.integers(1, len(rows)))
    sample = stratified_sample(rows, n, seed)
    assert len(sample) == n
    assert len({row.text for row in sample}) == n
    assert all(row in rows for row in sample)
    assert sample == stratified_sample(rows, n, seed)
    counts, drawn = Counter(labels), Counter(row.label for row in sample)
    for label, count in counts.items():
        quota = n * count / len(rows)
        assert int(quota) <= drawn[label] <= int(quota) + 1
    remainders = {label: n * count / len(rows) % 1 for label, count in counts.items()}
    raised = [label for label in counts if drawn[label] > n * counts[label] // len(rows)]
    kept = [label for label in counts if label not in raised]
    assert all(remainders[a] >= remainders[b] - 1e-9 for a in raised for b in kept)


def test_seeds_and_columns() -> None:
    rows = _rows(["a", "b"] * 30)
    assert stratified_sample(rows, 20, 1) != stratified_sample(rows, 20, 2)
    assert stratified_sample(rows, 60, 1) != rows
    assert all(row.extra for row in stratified_sample(rows, 5, 1))
    mappings = [{"text": str(position), "label": position % 3, "other": 1} for position in range(9)]
    assert all(set(row) == {"text", "label", "other"} for row in stratified_sample(mappings, 3, 0))


@pytest.mark.parametrize("n", [0, -1, 7])
def test_impossible_sizes(n: int) -> None:
    with pytest.raises(UsageError, match="sample"):
        stratified_sample(_rows(["a"] * 6), n, 0)


def test_a_class_without_rows() -> None:
    with pytest.raises(UsageError, match="'c' has no row"):
        stratified_sample(_rows(["a", "b"]), 1, 0, classes=["a", "c"])


def test_samples_of_one_pool_are_disjoint() -> None:
    rows = _rows(["a", "b", "b"] * 20)
    parts = disjoint_samples(rows, {"x": 20, "y": 30, "z": 10}, 3)
    texts = [row.text for part in parts.values() for row in part]
    assert sorted(texts) == sorted(row.text for row in rows)
    with pytest.raises(UsageError, match="more"):
        disjoint_samples(rows, {"x": 40, "y": 30}, 3)
