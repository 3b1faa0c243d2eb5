"""From logits to the next token of each row."""

from collections.abc import Sequence
from typing import Any

from tunelab.generation.settings import GenerationSettings


def choose_tokens(
    logits: Any, seen: Any | None, settings: GenerationSettings, draws: Sequence[float]
) -> tuple[Any, Any]:
    """The next token of each row and its log-probability, both (rows,).

    ``logits``: (rows, vocabulary). ``seen``: (rows, vocabulary), true for tokens that a row holds
    already, or None without a repetition penalty. ``draws``: a uniform number for each row, which
    picks the token at which the cumulative distribution passes it. The log-probability is the
    model's own, in nats, before penalty, temperature and filters.
    """
    import torch

    logits = logits.float()
    scores = shape_scores(logits, seen, settings)
    if settings.temperature == 0:
        tokens = scores.argmax(-1)
    else:
        # Apple's GPUs have no double precision.
        exact = scores.cpu() if scores.device.type == "mps" else scores
        cumulative = exact.double().softmax(-1).cumsum(-1)
        # The last sum is 1 up to rounding, and a draw is below 1.
        marks = torch.tensor(draws, dtype=torch.double, device=cumulative.device)
        tokens = torch.searchsorted(cumulative, marks[:, None] * cumulative[:, -1:], right=True)
        tokens = tokens[:, 0].clamp(max=logits.shape[-1] - 1).to(logits.device)
    chosen = logits.gather(-1, tokens[:, None])[:, 0]
    return tokens, chosen - logits.logsumexp(-1)


def shape_scores(logits: Any, seen: Any | None, settings: GenerationSettings) -> Any:
    """Logits after penalty, temperature, top-k, top-p and min-p; what is left out is -inf.

    The order and the filters are those of transformers' ``generate``.
    """
    import torch

    scores = logits
    if seen is not None:
        penalty = settings.repetition_penalty
        scores = torch.where(
            seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores
        )
    if settings.temperature == 0:
        return scores
    scores = scores / settings.temperature
    if 0 < settings.top_k < scores.shape[-1]:
        least = scores.topk(settings.top_k, dim=-1).values[:, -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    if settings.top_p < 1:
        ordered, positions = scores.sort(dim=-1, descending=True, stable=True)
        shares = ordered.softmax(-1)
        # A token stays while those before it do not yet hold top_p together.
        beyond = shares.cumsum(-1) - shares >= settings.top_p
        beyond[:, 0] = False
        scores = scores.masked_fill(
            torch.zeros_like(beyond).scatter(-1, positions, beyond), -torch.inf
        )
    if settings.min_p > 0:
        shares = scores.softmax(-1)
        floor = settings.min_p * shares.max(-1, keepdim=True).values
        scores = scores.masked_fill(shares < floor, -torch.inf)
    return scores
