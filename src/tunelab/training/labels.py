"""The objective of an encoder with a head: cross-entropy over the labels, one target a row."""

import logging
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from tunelab.config import Training
from tunelab.errors import UsageError
from tunelab.guards.refusals import name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.text_packing import first_position, pack_texts, pad_texts
from tunelab.prompts.encoding import IGNORED
from tunelab.training.loss import AnswerLogits, weights_of
from tunelab.training.plan import BatchPlan

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledIds:
    """A text as token ids, the index of its label, and what it weighs in the loss."""

    ids: tuple[int, ...]
    label: int
    weight: float = 1.0


@dataclass(frozen=True)
class TextForm:
    """How texts of one model become batches.

    ``mode`` is mean or cls; ``virtual`` counts placeholders before each text; ``packed``: without
    padding, positions beginning at ``first_position``.
    """

    packed: bool
    mode: str
    pad_token: int
    first_position: int
    virtual: int

    def __call__(self, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
        """The batch of rows of token ids, by the fields of :class:`TextBatch`."""
        if self.packed:
            batch = pack_texts(
                rows, mode=self.mode, first_position=self.first_position, virtual=self.virtual
            )
        else:
            batch = pad_texts(rows, mode=self.mode, pad_token=self.pad_token, virtual=self.virtual)
        return batch.arguments()


def form_of(
    model: Any, rows: Sequence[Sequence[int]], *, mode: str, pad_token: int, packing: bool = True
) -> TextForm:
    """How texts are run by an ``EncoderWithHead``: packed where that changes nothing.

    Raises:
        UsageError: the model has no embedding for a token, or has keys and values before its rows
            and rows that cannot be packed.
    """
    check_known(model, rows)
    packed = (packing or model.has_virtual_keys) and model.packs(rows)
    if model.has_virtual_keys and not packed:
        raise UsageError(
            f"prefix tuning puts keys and values before a text's own, which {name_of(model)} does "
            "not take; use prompt_tuning or lora."
        )
    return TextForm(packed, mode, pad_token, first_position(model.base), model.virtual)


@dataclass(frozen=True)
class LabelObjective:
    """Teaches an ``EncoderWithHead`` the labels of :class:`LabelledIds`."""

    mode: str
    pad_token: int

    def plan(
        self,
        model: Any,
        train_rows: Sequence[LabelledIds],
        validation_rows: Sequence[LabelledIds],
        options: Training,
        *,
        seed: int,
    ) -> BatchPlan:
        """Batches of ``options.batch_size`` rows."""
        ids = [row.ids for row in (*train_rows, *validation_rows)]
        form = form_of(
            model, ids, mode=self.mode, pad_token=self.pad_token, packing=options.packing
        )
        if options.packing and not form.packed:
            _log.info("%s does not take packed texts; they are padded.", name_of(model))
        batches = math.ceil(len(train_rows) / options.batch_size)
        tokens = sum(form.virtual + len(row.ids) for row in train_rows)
        return BatchPlan(
            packed=form.packed,
            prefix=0,
            batches=batches,
            by_tokens=None,
            tokens_a_batch=tokens / batches,
            collator=partial(_collate, form),
        )

    def form(self, model: Any, plan: BatchPlan) -> AbstractContextManager[Any]:
        """None: the model asks for its attention batch by batch."""
        return nullcontext()

    def logits(self, model: Any, batch: dict[str, Any]) -> AnswerLogits:
        """The logits of all labels for each row."""
        targets = ("labels", "rows", "weights")
        texts = {name: value for name, value in batch.items() if name not in targets}
        return AnswerLogits(
            model(**texts), batch["labels"][0, 1:], batch["rows"], batch.get("weights")
        )


def _collate(form: TextForm, rows: Sequence[LabelledIds]) -> dict[str, Any]:
    import torch

    return {
        **form([row.ids for row in rows]),
        "labels": torch.tensor([[IGNORED, *(row.label for row in rows)]]),
        "rows": torch.arange(len(rows)),
        **weights_of([row.weight for row in rows], range(len(rows))),
    }
