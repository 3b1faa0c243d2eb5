"""The order of rows, and batches filled by tokens."""

import random

import pytest

from tunelab.errors import UsageError
from tunelab.training.ordering import LengthGroupedOrder, TokenBatches

LENGTHS = [random.Random(0).randint(12, 60) for _ in range(500)]


def test_every_row_once_and_drawn_from_the_seed() -> None:
    order = LengthGroupedOrder(LENGTHS, 8, seed=3)
    first = list(order)
    assert sorted(first) == list(range(500))
    assert first == list(LengthGroupedOrder(LENGTHS, 8, seed=3))
    assert first != list(LengthGroupedOrder(LENGTHS, 8, seed=4))
    order.set_epoch(1)
    assert first != list(order)


def test_rows_of_a_batch_are_alike_in_length() -> None:
    order = list(LengthGroupedOrder(LENGTHS, 8, seed=3))
    batches = [order[position : position + 8] for position in range(0, 500, 8)]
    padding = sum(max(LENGTHS[r] for r in b) * len(b) - sum(LENGTHS[r] for r in b) for b in batches)
    assert padding < 0.06 * sum(LENGTHS)


@pytest.mark.parametrize("budget", [130, 400, 5000, 10**6])
def test_batches_filled_by_tokens(budget: int) -> None:
    prefix = 10
    batches = TokenBatches(LENGTHS, budget, prefix, seed=3)
    for epoch in range(3):
        batches.sampler.set_epoch(epoch)
        cut = list(batches)
        assert len(cut) == len(batches)
        assert sorted(row for batch in cut for row in batch) == list(range(500))
        sizes = [prefix + sum(LENGTHS[row] - prefix for row in batch) for batch in cut]
        assert all(batch for batch in cut)
        assert max(sizes) <= budget


def test_too_few_tokens_for_a_row() -> None:
    with pytest.raises(UsageError, match="batch_tokens=100 is too small"):
        TokenBatches([60, 20, 30], 100, prefix=10, seed=0)
