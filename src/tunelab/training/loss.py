"""The loss of a batch: cross-entropy of the answers' tokens, and of nothing else."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tunelab.inference.head import output_at
from tunelab.inference.layer_list import begin_at, find_layers

_MODEL_INPUTS = ("input_ids", "position_ids", "attention_mask")


@dataclass(frozen=True)
class AnswerLogits:
    """What a model predicts for the N trained tokens of a batch.

    ``logits``: (N, vocabulary); ``targets``: (N,) token ids; ``rows``: (N,) the row of each.
    ``weights``: (N,), what each weighs in the loss; None where all weigh 1.
    """

    logits: Any
    targets: Any
    rows: Any
    weights: Any = None

    @property
    def weight(self) -> float:
        """What all tokens weigh together."""
        return float(len(self.targets)) if self.weights is None else float(self.weights.sum())


def answer_logits(model: Any, batch: dict[str, Any]) -> AnswerLogits:
    """Run a batch of either collator.

    The output layer runs where a trained token is predicted, and nowhere else. A batch with
    ``states`` begins at the layer ``border``.
    """
    arguments = {name: batch[name] for name in _MODEL_INPUTS if name in batch}
    if "layout" in batch:
        arguments["layout"] = batch["layout"].to(batch["input_ids"].device)
    own = getattr(model, "module", model)
    with output_at(own, batch["predicted"]), _beginning(own, batch):
        outputs = model(**arguments, use_cache=False)
    return AnswerLogits(
        outputs.logits.squeeze(0), batch["labels"][0, 1:], batch["rows"], batch.get("weights")
    )


def _beginning(model: Any, batch: dict[str, Any]) -> AbstractContextManager[None]:
    found = find_layers(model) if "states" in batch else None
    if found is None:
        return nullcontext()
    return begin_at(found.layers, batch["border"], batch["states"])


def answer_loss(answers: AnswerLogits) -> Any:
    """Sum of −log p over the trained tokens, each times its weight, in nats and float32."""
    import torch

    loss = torch.nn.functional.cross_entropy
    if answers.weights is None:
        return loss(answers.logits.float(), answers.targets, reduction="sum")
    return loss(answers.logits.float(), answers.targets, reduction="none") @ answers.weights


def weights_of(weights: Sequence[float], rows: Sequence[int]) -> dict[str, Any]:
    """The weight of each target of a batch, (N,), by the row of each; none where all weigh 1.

    ``weights``: (batch,), of each row; ``rows``: (N,).
    """
    import torch

    if all(weight == 1.0 for weight in weights):
        return {}
    return {"weights": torch.tensor([weights[row] for row in rows], dtype=torch.float32)}


def correct_rows(answers: AnswerLogits, rows: int) -> Any:
    """How many of the rows have every token of their answer most likely, given those before."""
    import torch

    wrong = answers.logits.argmax(-1) != answers.targets
    missed = torch.zeros(rows, dtype=torch.long, device=wrong.device)
    missed.index_add_(0, answers.rows, wrong.long())
    return (missed == 0).sum()
