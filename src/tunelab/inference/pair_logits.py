"""Logits of a sequence classification model for pairs of texts, in batches of like length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.sentence_embeddings import BATCH_TOKENS, length_batches
from tunelab.progress import row_bar

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PairLogits:
    """``logits``: array (pairs, classes), float32. ``cut`` says which first texts were cut."""

    logits: "np.ndarray"
    cut: list[bool]


def pair_logits(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[str, str]],
    *,
    most_tokens: int,
    title: str = "",
) -> PairLogits:
    """The logits of each pair; its first text is cut at its end where both do not fit.

    Raises:
        UsageError: the model has no embedding for a token.
        RunError: the model cannot be run on pairs, or a second text alone does not fit.
    """
    import numpy as np
    import torch

    logits = np.zeros((len(pairs), int(model.config.num_labels)), dtype=np.float32)
    cut: list[bool] = []
    encoded = []
    with (
        row_bar(title, len(pairs), shown=bool(title)) as bar,
        torch.inference_mode(),
        explain_errors(f"{name_of(model)} cannot compare texts", "choose another model"),
    ):
        for first, second in pairs:
            own = tokenizer(first, second, verbose=False)
            cut.append(len(own["input_ids"]) > most_tokens)
            if cut[-1]:
                own = tokenizer(first, second, truncation="only_first", max_length=most_tokens)
            encoded.append(own)
        rows = [own["input_ids"] for own in encoded]
        check_known(model, rows)
        for batch in length_batches(rows, BATCH_TOKENS):
            inputs = tokenizer.pad([encoded[index] for index in batch], return_tensors="pt")
            found = model(**inputs.to(model.device)).logits
            logits[batch] = found.float().cpu().numpy()
            bar.update(len(batch))
    return PairLogits(logits, cut)
