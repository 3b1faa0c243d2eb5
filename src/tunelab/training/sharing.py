"""The batches of a training split over its processes: each row is run, and none twice."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch.utils.data import DataLoader, Sampler

from tunelab.prompts.encoding import EncodedExample


class SharedBatches(Sampler[list[int]]):
    """This process's rows of every batch: all batches together are those of one process.

    Row i of a batch goes to process i modulo their number, so that lengths, which are sorted
    within a batch, are split evenly. Where a batch has fewer rows than there are processes,
    the others get the row ``filler``, since all have to take part in a step.
    """

    def __init__(
        self, batches: Any, order: Any, *, process: int, processes: int, filler: int
    ) -> None:
        self.batches = batches
        self.order = order
        self.process = process
        self.processes = processes
        self.filler = filler

    @property
    def batch_sampler(self) -> "SharedBatches":
        """Where Trainer looks for ``set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Let the order of the rows be that of an epoch."""
        if self.order is not None:
            self.order.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            yield batch[self.process :: self.processes] or [self.filler]


def shared_loader(
    rows: Sequence[EncodedExample],
    batches: Any,
    order: Any,
    collator: Any,
    *,
    process: int,
    processes: int,
    pin_memory: bool,
) -> DataLoader[Any]:
    """A loader of this process's part of ``batches``, lists of row numbers."""
    shortest = min(rows, key=lambda row: len(row.ids))
    # All of it is prompt: it is run, and trains nothing.
    filler = replace(shortest, prompt_length=len(shortest.ids))
    return DataLoader(
        [*rows, filler],  # type: ignore[arg-type]
        batch_sampler=SharedBatches(
            batches, order, process=process, processes=processes, filler=len(rows)
        ),
        collate_fn=collator,
        pin_memory=pin_memory,
    )
