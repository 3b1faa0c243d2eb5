"""Answer many prompts at once: greedy, batched, behind the prefix that they share."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.prefix import pad_rows
from tunelab.inference.row_decoding import decode_rows, rows_work, run_shared
from tunelab.inference.virtual_tokens import virtual_tokens
from tunelab.progress import row_bar
from tunelab.prompts.per_tokenizer import per_tokenizer
from tunelab.prompts.reasoning import is_marker
from tunelab.prompts.shared_prefix import common_prefix

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a model generated after a prompt, without the prompt.

    ``ids`` leaves out the stop token. ``kept`` counts those of ``ids`` that ``text`` was read from:
    without blank ones around it, and without what stands behind the end of a line where lines are
    answers. ``stopped`` says whether the answer ended by itself, at a stop token or at the end of
    its line.
    """

    text: str
    ids: tuple[int, ...]
    stopped: bool
    kept: int


def answer_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stop_tokens: Sequence[int],
    max_new_tokens: int,
    batch_size: int,
    stop_at_newline: bool = False,
    title: str = "answering",
    progress: bool = True,
) -> list[Answer]:
    """Generate the most likely continuation of each prompt, token by token.

    The answers are those of one-by-one generation, up to ties within rounding. Prompts are
    batched by length, and the answers come back in the order of the prompts.

    Raises:
        UsageError: the model has no embedding for a token.
        RunError: the model cannot generate.
    """
    import torch

    check_known(model, prompts)
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), tuple(prompts[row])))
    answers: dict[int, Answer] = {}
    with torch.inference_mode(), row_bar(title, len(prompts), shown=progress) as bar:
        if _in_rows(model, prompts):
            shared = common_prefix(prompts, [len(prompt) for prompt in prompts])
            prefix = run_shared(model, prompts[0][:shared])

            def decode(batch: list[Sequence[int]]) -> list[list[int]]:
                return decode_rows(
                    model,
                    [ids[shared:] for ids in batch],
                    prefix_length=shared,
                    prefix=prefix,
                    stop_tokens=stop_tokens,
                    max_new_tokens=max_new_tokens,
                )
        else:
            # Padding would run through the state of a recurrent model.
            batch_size = 1 if getattr(model, "_is_stateful", False) else batch_size

            def decode(batch: list[Sequence[int]]) -> list[list[int]]:
                return _decode_plain(
                    model,
                    batch,
                    pad_token=tokenizer.pad_token_id,
                    stop_tokens=stop_tokens,
                    max_new_tokens=max_new_tokens,
                )

        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            generated = decode([prompts[row] for row in rows])
            for row, ids in zip(rows, generated, strict=True):
                answers[row] = _finish(tokenizer, ids, stop_tokens, stop_at_newline)
            bar.update(len(rows))
    return [answers[row] for row in range(len(prompts))]


def _in_rows(model: Any, prompts: Sequence[Sequence[int]]) -> bool:
    """Whether to decode in rows. One prompt gains nothing, and a soft prompt knows no other way."""
    if len(prompts) < 2:
        return bool(prompts) and virtual_tokens(model) > 0
    if rows_work(model, prompts):
        return True
    _log.warning("%s cannot answer in rows and goes the plain, slower way.", name_of(model))
    return False


def _decode_plain(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    pad_token: int,
    stop_tokens: Sequence[int],
    max_new_tokens: int,
) -> list[list[int]]:
    """By transformers' own generation, rows padded on their left."""
    batch = pad_rows(prompts, prefix=0, pad_token=pad_token, device=model.device)
    with explain_errors(f"{name_of(model)} cannot generate", "choose another model"):
        found = model.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            temperature=None,
            top_k=None,
            top_p=None,
            eos_token_id=list(stop_tokens) or None,
            pad_token_id=pad_token,
        )
    return [list(row) for row in found[:, batch.input_ids.shape[1] :].tolist()]


def _finish(
    tokenizer: Any, ids: list[int], stop_tokens: Sequence[int], stop_at_newline: bool
) -> Answer:
    """Cut at the first stop token, and at the end of the first line where lines are answers."""
    stops = set(stop_tokens)
    position = next((position for position, token in enumerate(ids) if token in stops), None)
    kept = ids if position is None else ids[:position]
    text = _readable(tokenizer, kept)
    stopped = position is not None
    if stop_at_newline and "\n" in text.lstrip():
        text, stopped = text.lstrip().split("\n", 1)[0], True
    text = text.strip()
    return Answer(text, tuple(kept), stopped, _count_kept(tokenizer, kept, text))


def _count_kept(tokenizer: Any, ids: list[int], whole: str) -> int:
    """How many tokens the text ``whole`` was read from, without blank ones around it."""

    def text(tokens: list[int]) -> str:
        return _readable(tokenizer, tokens)

    if text(ids) == whole:
        return len(ids)
    # The fewest tokens that begin with the text: a longer beginning holds no less of it.
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if text(ids[:middle]).lstrip().startswith(whole):
            high = middle
        else:
            low = middle + 1
    end = low
    begin = next((position for position in range(end) if text(ids[: position + 1]).strip()), end)
    return end - begin


def _readable(tokenizer: Any, ids: list[int]) -> str:
    """The text of tokens without control tokens, but with those around a model's reasoning."""
    markers, others = _special_tokens(tokenizer)
    if markers.isdisjoint(ids):
        return str(tokenizer.decode(ids, skip_special_tokens=True))
    kept = [token for token in ids if token not in others]
    return str(tokenizer.decode(kept, skip_special_tokens=False))


@per_tokenizer
def _special_tokens(tokenizer: Any) -> tuple[set[int], set[int]]:
    """The special tokens around a model's reasoning, and the others."""
    markers: set[int] = set()
    others: set[int] = set()
    for number, token in tokenizer.added_tokens_decoder.items():
        if token.special:
            (markers if is_marker(token.content) else others).add(int(number))
    return markers, others
