"""From encoded examples to the tensors of a step."""

from collections.abc import Sequence
from typing import Any

from tunelab.inference.packing import pack_rows
from tunelab.inference.prefix import pad_rows
from tunelab.prompts.encoding import IGNORED, EncodedExample
from tunelab.training.loss import weights_of


class PackedCollator:
    """Puts rows behind one copy of their first ``prefix`` tokens, without padding or repetition.

    The last token of a row is left out, as nothing is predicted from it. With T packed tokens and
    N trained ones: ``input_ids`` and ``position_ids`` (1, T), ``layout``, ``labels`` (1, 1 + N)
    the trained token ids after one −100, ``indices`` (N,) where in the sequence each is predicted,
    and ``rows`` (N,) whose it is; ``weights`` (N,) what it weighs in the loss, where not all weigh
    1.
    """

    def __init__(self, prefix: int) -> None:
        self.prefix = prefix

    def __call__(self, examples: Sequence[EncodedExample]) -> dict[str, Any]:
        ids, positions, layout = pack_rows([run_ids(row) for row in examples], self.prefix)
        indices = [(*range(self.prefix), *own) for own in layout.rows]
        batch = {"input_ids": ids, "position_ids": positions, "layout": layout}
        return batch | _trained(examples, indices)


class PaddedCollator:
    """Pads rows on their left to S columns, with the prompt of each in full.

    ``input_ids``, ``attention_mask`` and ``position_ids`` (rows, S); the rest as in
    :class:`PackedCollator`, with indices in the flattened rows.
    """

    def __init__(self, pad_token: int) -> None:
        self.pad_token = pad_token

    def __call__(self, examples: Sequence[EncodedExample]) -> dict[str, Any]:
        batch = pad_rows(
            [row.ids for row in examples], prefix=0, pad_token=self.pad_token, device="cpu"
        )
        columns = batch.input_ids.shape[1]
        indices = [
            range((number + 1) * columns - len(row.ids), (number + 1) * columns)
            for number, row in enumerate(examples)
        ]
        return vars(batch) | _trained(examples, indices)


def run_ids(row: EncodedExample) -> Sequence[int]:
    """The ids of a row that a prediction is made from; all of them where nothing is trained."""
    return row.ids[:-1] if row.prompt_length < len(row.ids) else row.ids


def _trained(
    examples: Sequence[EncodedExample], indices: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """``indices``: for each row, where in the sequence each of its tokens stands."""
    import torch

    labels, predicted, rows = [IGNORED], list[int](), list[int]()
    for number, (row, own) in enumerate(zip(examples, indices, strict=True)):
        answer = row.labels[row.prompt_length :]
        labels += answer
        # A token is predicted where the one before it stands.
        predicted += own[row.prompt_length - 1 : len(row.ids) - 1]
        rows += [number] * len(answer)
    return {
        "labels": torch.tensor([labels]),
        "predicted": torch.tensor(predicted, dtype=torch.long),
        "rows": torch.tensor(rows, dtype=torch.long),
        **weights_of([row.weight for row in examples], rows),
    }
