"""The loss of a batch: cross-entropy of the answers' tokens, and of nothing else."""

from collections.abc import Sequence
from typing import Any

from tunelab.models.prefix import expand_cache
from tunelab.prompts.encoding import IGNORED


def answer_logits(model: Any, batch: dict[str, Any], cache: Any | None) -> Any:
    """Logits that predict the answers' tokens: (rows, longest answer, vocabulary).

    ``cache`` is that of the shared prefix, one row, or None where there is none. The output
    layer runs on the last columns alone.
    """
    columns = batch["labels"].shape[1]
    rows = batch["input_ids"].shape[0]
    outputs = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        position_ids=batch["position_ids"],
        past_key_values=expand_cache(cache, rows) if cache is not None else None,
        use_cache=cache is not None,
        logits_to_keep=columns,
    )
    return outputs.logits[:, :-1]


def answer_loss(logits: Any, labels: Any) -> Any:
    """Sum of −log p over the answers' tokens, in nats and float32.

    ``logits``: (rows, A, vocabulary); ``labels``: (rows, 1 + A), −100 where nothing is trained.
    """
    import torch

    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def count_tokens(labels: Any) -> Any:
    """How many tokens of a batch are trained, as a tensor."""
    return (labels[:, 1:] != IGNORED).sum()


def correct_rows(logits: Any, labels: Any) -> Any:
    """Which rows have every token of their answer most likely, given the ones before: (rows,)."""
    right = logits.argmax(-1) == labels[:, 1:]
    return (right | (labels[:, 1:] == IGNORED)).all(-1)


def prefix_ids(rows: Sequence[Sequence[int]], length: int) -> list[int]:
    """The ids that the rows share."""
    return list(rows[0][:length]) if rows else []
