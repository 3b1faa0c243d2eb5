"""The loss of a batch: cross-entropy of the answers' tokens, and of nothing else."""

from dataclasses import dataclass
from typing import Any

from tunelab.models.head import output_at
from tunelab.models.prefix import expand_cache
from tunelab.prompts.encoding import IGNORED


@dataclass(frozen=True)
class AnswerLogits:
    """What a model predicts for the N trained tokens of a batch.

    ``logits``: (N, vocabulary); ``targets``: (N,) token ids; ``rows``: (N,) the row of each.
    """

    logits: Any
    targets: Any
    rows: Any


def answer_logits(model: Any, batch: dict[str, Any], cache: Any | None) -> AnswerLogits:
    """Run a batch behind the cache of its shared prefix, or in full where ``cache`` is None.

    The output layer runs where a trained token is predicted, and nowhere else.
    """
    targets = batch["labels"][:, 1:]
    columns = targets.shape[1] + 1
    rows, places = (targets != IGNORED).nonzero(as_tuple=True)
    inner = getattr(model, "module", model)
    with output_at(inner, rows * columns + places):
        outputs = model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            position_ids=batch["position_ids"],
            past_key_values=(
                expand_cache(cache, batch["input_ids"].shape[0]) if cache is not None else None
            ),
            use_cache=cache is not None,
            logits_to_keep=columns,
        )
    return AnswerLogits(outputs.logits[0], targets[rows, places], rows)


def answer_loss(answers: AnswerLogits) -> Any:
    """Sum of −log p over the trained tokens, in nats and float32."""
    import torch

    return torch.nn.functional.cross_entropy(
        answers.logits.float(), answers.targets, reduction="sum"
    )


def correct_rows(answers: AnswerLogits, rows: int) -> Any:
    """How many of the rows have every token of their answer most likely, given those before."""
    import torch

    wrong = answers.logits.argmax(-1) != answers.targets
    missed = torch.zeros(rows, dtype=torch.long, device=wrong.device)
    missed.index_add_(0, answers.rows, wrong.long())
    return (missed == 0).sum()
