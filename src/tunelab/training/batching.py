"""From encoded examples to the tensors of a step."""

from collections.abc import Sequence
from typing import Any

from tunelab.models.prefix import pad_rows
from tunelab.prompts.encoding import IGNORED, EncodedExample


class Collator:
    """Pads rows on their left behind a prefix of ``prefix`` tokens.

    The answers then stand in the last columns of every row, and ``labels`` holds these alone,
    after one column of −100: shape (rows, 1 + longest answer).
    """

    def __init__(self, pad_token: int, prefix: int) -> None:
        self.pad_token = pad_token
        self.prefix = prefix

    def __call__(self, rows: Sequence[EncodedExample]) -> dict[str, Any]:
        import torch

        batch = pad_rows(
            [row.ids for row in rows], prefix=self.prefix, pad_token=self.pad_token, device="cpu"
        )
        longest = max(len(row.ids) - row.prompt_length for row in rows)
        labels = torch.full((len(rows), 1 + longest), IGNORED, dtype=torch.long)
        for number, row in enumerate(rows):
            answer = row.labels[row.prompt_length :]
            labels[number, 1 + longest - len(answer) :] = torch.tensor(answer)
        return {
            "input_ids": batch.input_ids,
            "attention_mask": batch.attention_mask,
            "position_ids": batch.position_ids,
            "labels": labels,
        }
