"""How likely a model finds a given answer to a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.generation.context import context_length
from tunelab.inference.prefix import pad_rows
from tunelab.prompts.prompting import Prompt, prompt_ids
from tunelab.prompts.tokens import encode_text


@dataclass(frozen=True)
class Likelihood:
    """Log-probability of an answer in nats, and how many tokens it has for this model."""

    logprob: float
    tokens: int


def answer_likelihoods(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    answers: Sequence[str],
    *,
    batch_size: int = 16,
) -> list[Likelihood | None]:
    """The log-probability of each answer's text after its prompt; None for an empty answer.

    The answer is read as text, without the stop token, and cut where the context ends.
    """
    import torch

    context = context_length(model) or 2**31
    rows = []
    for position, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        ids = prompt_ids(tokenizer, prompt)
        answer_ids = encode_text(tokenizer, answer)[0][: max(0, context - len(ids))]
        if answer_ids:
            rows.append((position, ids, answer_ids))
    rows.sort(key=lambda row: len(row[1]) + len(row[2]))
    found: list[Likelihood | None] = [None] * len(answers)
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        padded = pad_rows(
            [ids + answer_ids for _, ids, answer_ids in batch],
            prefix=0,
            pad_token=tokenizer.pad_token_id or 0,
            device=model.device,
        )
        longest = max(len(answer_ids) for _, _, answer_ids in batch)
        with torch.inference_mode():
            # Rows end together, so the answers are in the last columns.
            logits = model(
                input_ids=padded.input_ids,
                attention_mask=padded.attention_mask,
                position_ids=padded.position_ids,
                logits_to_keep=longest + 1,
            ).logits
            for row, (position, _, answer_ids) in enumerate(batch):
                scores = logits[row, -len(answer_ids) - 1 : -1].float()
                wanted = torch.tensor(answer_ids, device=scores.device)
                chosen = scores.gather(-1, wanted[:, None])[:, 0] - scores.logsumexp(-1)
                found[position] = Likelihood(float(chosen.sum()), len(answer_ids))
    return found
