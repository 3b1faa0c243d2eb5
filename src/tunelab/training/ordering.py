"""The order of training rows: like lengths together, yet drawn anew each epoch from the seed."""

from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

# Rows are shuffled, cut into groups of this many batches, and sorted by length within a group:
# enough batches for little padding, few enough that batches stay random.
_BATCHES_IN_A_GROUP = 16


class LengthGroupedOrder(Sampler[int]):
    """Row numbers for an epoch. The same seed and epoch give the same order on every machine."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
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
        size = self.batch_size * _BATCHES_IN_A_GROUP
        batches: list[list[int]] = []
        for start in range(0, len(shuffled), size):
            group = sorted(shuffled[start : start + size], key=lambda row: self.lengths[row])
            batches += [
                group[place : place + self.batch_size]
                for place in range(0, len(group), self.batch_size)
            ]
        # A batch that is not full must come last: the loop cuts the stream of rows into batches.
        full = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        order = generator.permutation(len(full)).tolist()
        yield from (row for place in order for row in full[place])
        yield from (row for batch in rest for row in batch)
