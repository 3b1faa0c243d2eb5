"""What a training teaches: how rows become batches, and what the model says of them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from tunelab.config import Training
from tunelab.training.loss import AnswerLogits, answer_logits
from tunelab.training.plan import BatchPlan, plan_batches


class Objective(Protocol):
    """The part of a training that differs between answers in words and other targets.

    The loop, the loss, checkpoints and early stopping are those of :mod:`tunelab.training.train`.
    A row has ``ids``, its tokens.
    """

    def plan(
        self,
        model: Any,
        train_rows: Sequence[Any],
        validation_rows: Sequence[Any],
        options: Training,
        *,
        seed: int,
    ) -> BatchPlan:
        """How the rows become batches."""

    def form(self, model: Any, plan: BatchPlan) -> AbstractContextManager[Any]:
        """The context in which the model takes these batches."""

    def logits(self, model: Any, batch: dict[str, Any]) -> AnswerLogits:
        """What the model predicts for the targets of a batch."""


@dataclass(frozen=True)
class AnswerObjective:
    """The answers of encoded examples, token by token; padded rows take ``pad_token``."""

    pad_token: int

    def plan(
        self,
        model: Any,
        train_rows: Sequence[Any],
        validation_rows: Sequence[Any],
        options: Training,
        *,
        seed: int,
    ) -> BatchPlan:
        """As :func:`plan_batches`."""
        return plan_batches(
            model, train_rows, validation_rows, options, pad_token=self.pad_token, seed=seed
        )

    def form(self, model: Any, plan: BatchPlan) -> AbstractContextManager[Any]:
        """Packed attention where rows are packed."""
        from tunelab.inference.packed_attention import packed_attention

        return packed_attention(model) if plan.packed else nullcontext()

    def logits(self, model: Any, batch: dict[str, Any]) -> AnswerLogits:
        """As :func:`answer_logits`."""
        return answer_logits(model, batch)
