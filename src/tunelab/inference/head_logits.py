"""The logits of a head after each prompt: packed rows behind the prefix that they share."""

import logging
from collections.abc import Sequence
from typing import Any

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.head import output_at
from tunelab.inference.packed_attention import packed_attention, packing_works
from tunelab.inference.packing import pack_rows
from tunelab.inference.prefix import pad_rows
from tunelab.inference.tree_reading import BATCH_TOKENS, cut_rows
from tunelab.progress import row_bar
from tunelab.prompts.shared_prefix import common_prefix

_log = logging.getLogger(__name__)


def head_logits(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    pad_token: int,
    title: str = "labelling",
    progress: bool = True,
) -> Any:
    """What the output layer of a model gives after the last token of each prompt.

    ``prompts`` are token ids, at least one of them. The result is (prompts, outputs), in float32
    and in their order.

    Raises:
        UsageError: the model has no embedding for a token.
        RunError: the model cannot be run on text alone.
    """
    import torch

    check_known(model, prompts)
    # One prompt has nothing to share: the trial would cost more than its row.
    alone = len(prompts) == 1
    packed = not alone and packing_works(model, prompts)
    if not packed and not alone:
        _log.warning("%s cannot read packed rows and goes the plain, slower way.", name_of(model))
    shared = common_prefix(prompts, [len(prompt) for prompt in prompts]) if packed else 0
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), tuple(prompts[row])))
    # Padding would run through the state of a recurrent model.
    widest = 1 if not packed and getattr(model, "_is_stateful", False) else None
    parts = cut_rows([len(prompts[row]) - shared for row in order], BATCH_TOKENS, widest)
    found: list[Any] = [None] * len(prompts)
    was_training = model.training
    model.eval()
    refused = f"{name_of(model)} cannot be run on a prompt", "choose another model"
    try:
        with (
            torch.inference_mode(),
            explain_errors(*refused),
            row_bar(title, len(prompts), shown=progress) as bar,
        ):
            for part in parts:
                rows = [prompts[row] for row in order[part]]
                logits = _packed(model, rows, shared) if packed else _padded(model, rows, pad_token)
                for row, line in zip(order[part], logits.float().cpu(), strict=True):
                    found[row] = line
                bar.update(len(rows))
    finally:
        model.train(was_training)
    return torch.stack(found)


def _packed(model: Any, rows: Sequence[Sequence[int]], prefix: int) -> Any:
    import torch

    ids, positions, layout = pack_rows(rows, prefix)
    ends = torch.tensor([row[-1] for row in layout.rows], device=model.device)
    with packed_attention(model), output_at(model, ends):
        return model(
            input_ids=ids.to(model.device),
            position_ids=positions.to(model.device),
            layout=layout.to(model.device),
            use_cache=False,
        ).logits[0]


def _padded(model: Any, rows: Sequence[Sequence[int]], pad_token: int) -> Any:
    import torch

    batch = pad_rows(rows, prefix=0, pad_token=pad_token, device=model.device)
    columns = batch.input_ids.shape[1]
    ends = torch.arange(len(rows), device=model.device) * columns + columns - 1
    with output_at(model, ends):
        return model(**vars(batch), use_cache=False).logits[0]
