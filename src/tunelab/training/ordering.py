"""The order of training rows: like lengths together, yet drawn anew each epoch from the seed."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from torch.utils.data import Sampler

from tunelab.errors import UsageError

# Rows are shuffled, cut into groups of this many batches, and sorted by length within a group:
# enough batches for little padding, few enough that batches stay random.
_BATCHES_IN_A_GROUP = 16


class LengthGroupedOrder(Sampler[int]):
    """Row numbers for an epoch. The same seed and epoch give the same order on every machine.

    With ``drawn_by``, the label of each row, an epoch has as many rows as there are, and of each
    label the same number: those of a rare label come several times, of a frequent one some are
    left out, others in each epoch.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        drawn_by: Sequence[str] | None = None,
    ) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.drawn_by = drawn_by
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the training loop, so that a resumed epoch has the order it began with."""
        self.epoch = int(epoch)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        import numpy

        generator = numpy.random.default_rng([self.seed, self.epoch])
        shuffled = generator.permutation(len(self.lengths)).tolist()
        if self.drawn_by is not None:
            shuffled = balanced(shuffled, self.drawn_by, generator)
        size = self.batch_size * _BATCHES_IN_A_GROUP
        batches: list[list[int]] = []
        for start in range(0, len(shuffled), size):
            group = sorted(shuffled[start : start + size], key=lambda row: self.lengths[row])
            batches += [
                group[position : position + self.batch_size]
                for position in range(0, len(group), self.batch_size)
            ]
        # A batch that is not full must come last: the loop cuts the stream of rows into batches.
        full = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        order = generator.permutation(len(full)).tolist()
        yield from (row for position in order for row in full[position])
        yield from (row for batch in rest for row in batch)


def balanced(rows: Sequence[int], labels: Sequence[str], generator: Any) -> list[int]:
    """As many rows, of each label the same number, or one more, in random order.

    ``rows`` are all, shuffled; ``labels`` is the label of each by its number.
    """
    of_label: dict[str, list[int]] = {}
    for row in rows:
        of_label.setdefault(labels[row], []).append(row)
    names = sorted(of_label)
    # Which labels have the one more changes with the epoch.
    shift = int(generator.integers(len(names)))
    chosen = []
    for position, name in enumerate(names):
        own = of_label[name]
        count = len(rows) // len(names)
        count += (position + shift) % len(names) < len(rows) % len(names)
        chosen += [own[at % len(own)] for at in range(count)]
    return [chosen[at] for at in generator.permutation(len(chosen)).tolist()]


class TokenBatches(Sampler[list[int]]):
    """Batches filled by tokens: as many rows as ``batch_tokens`` holds, one prefix included.

    The rows of an epoch, in the order of :class:`LengthGroupedOrder`, are cut where their tokens
    pass the next equal share, so that every epoch has the same number of batches. Padding, where
    a model needs it, is not counted.

    Raises:
        UsageError: ``batch_tokens`` holds less than two of the longest rows.
    """

    def __init__(self, lengths: Sequence[int], batch_tokens: int, prefix: int, seed: int) -> None:
        self.own = [length - prefix for length in lengths]
        longest, total = max(self.own), sum(self.own)
        least = prefix + 2 * longest
        if batch_tokens < least:
            raise UsageError(
                f"training.batch_tokens={batch_tokens} is too small: the longest row has "
                f"{prefix + longest} tokens, {prefix} of them shared; the least is {least}."
            )
        # A batch ends with the row that passes its share, so the share leaves room for one.
        self.batches = math.ceil(total / (batch_tokens - prefix - longest))
        rows = max(1, round(len(self.own) / self.batches))
        self.sampler = LengthGroupedOrder(lengths, rows, seed)

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        share = sum(self.own) / self.batches
        batches: list[list[int]] = [[] for _ in range(self.batches)]
        before = 0
        for row in self.sampler:
            batches[min(int(before / share), self.batches - 1)].append(row)
            before += self.own[row]
        yield from batches
