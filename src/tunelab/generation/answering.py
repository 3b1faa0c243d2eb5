"""Answer many prompts at once: greedy, batched, behind the prefix that they share."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.models.head import output_at
from tunelab.models.prefix import (
    expand_cache,
    pad_rows,
    prefix_works,
    run_prefix,
)
from tunelab.models.virtual_tokens import virtual_tokens
from tunelab.prompts.shared_prefix import common_prefix


@dataclass(frozen=True)
class Answer:
    """What a model generated after a prompt, without the prompt.

    ``ids`` leaves out the stop token; ``stopped`` tells whether one came.
    """

    text: str
    ids: tuple[int, ...]
    stopped: bool


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
    """
    from tqdm import tqdm

    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    longest = max((len(prompt) for prompt in prompts), default=0) + max_new_tokens
    shared = 0
    works = prefix_works(model, longest)
    # One prompt gains nothing from a prefix.
    if len(prompts) > 1 and works:
        shared = common_prefix(prompts, [len(prompt) for prompt in prompts])
    if virtual_tokens(model) and not works:
        # Padding would stand between the virtual tokens and the row's own, and count as distance.
        batch_size = 1
    answers: dict[int, Answer] = {}
    with tqdm(
        total=len(prompts),
        desc=title,
        unit="row",
        file=sys.stderr,
        disable=not progress,
        dynamic_ncols=True,
        mininterval=1.0,
    ) as bar:
        cache = _prefix_cache(model, prompts[0][:shared]) if shared else None
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            generated = _generate(
                model,
                [prompts[row] for row in rows],
                prefix=shared,
                cache=cache,
                pad_token=tokenizer.pad_token_id,
                stop_tokens=stop_tokens,
                max_new_tokens=max_new_tokens,
            )
            for row, ids in zip(rows, generated, strict=True):
                answers[row] = _finish(tokenizer, ids, stop_tokens, stop_at_newline)
            bar.update(len(rows))
    return [answers[row] for row in range(len(prompts))]


def _prefix_cache(model: Any, ids: Sequence[int]) -> Any:
    import torch

    with torch.inference_mode():
        return run_prefix(model, ids, device=model.device)


def _generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    prefix: int,
    cache: Any,
    pad_token: int,
    stop_tokens: Sequence[int],
    max_new_tokens: int,
) -> list[list[int]]:
    import torch
    from transformers import DynamicCache

    batch = pad_rows(prompts, prefix=prefix, pad_token=pad_token, device=model.device)
    input_ids, attention, positions = batch.input_ids, batch.attention_mask, batch.position_ids
    past = expand_cache(cache, len(prompts)) if cache is not None else DynamicCache()
    stops = torch.tensor(list(stop_tokens), device=model.device)
    running = torch.ones(len(prompts), dtype=torch.bool, device=model.device)
    every_row = torch.arange(len(prompts), device=model.device)
    columns = []
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            with output_at(model, every_row):
                logits = model(
                    input_ids=input_ids,
                    attention_mask=attention,
                    position_ids=positions,
                    past_key_values=past,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[0]
            token = logits.argmax(-1)
            columns.append(token)
            running &= ~torch.isin(token, stops)
            if not running.any():
                break
            input_ids = token[:, None]
            attention = torch.cat([attention, attention.new_ones(len(prompts), 1)], dim=1)
            positions = positions[:, -1:] + 1
    return [list(row) for row in torch.stack(columns, dim=1).tolist()]


def _finish(
    tokenizer: Any, ids: list[int], stop_tokens: Sequence[int], stop_at_newline: bool
) -> Answer:
    """Cut at the first stop token, and at the end of the first line where lines are answers."""
    stops = set(stop_tokens)
    place = next((place for place, token in enumerate(ids) if token in stops), None)
    kept = ids if place is None else ids[:place]
    text = str(tokenizer.decode(kept, skip_special_tokens=True))
    stopped = place is not None
    if stop_at_newline and "\n" in text.lstrip():
        text, stopped = text.lstrip().split("\n", 1)[0], True
    return Answer(text=text.strip(), ids=tuple(kept), stopped=stopped)
