"""Generate answers: the function that every verb, page and study uses.

Rows are padded on the left and go through the model together. What a row gets does not depend on
the rows beside it: see :mod:`tunelab.generation.noise` for the draws. A prompt is run once for
all its samples, and rows that have ended leave the batch.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunelab.generation.context import check_fits, context_length, ending_tokens
from tunelab.generation.noise import noise_key, uniform
from tunelab.generation.outcome import Ending, Generation, Progress, Token
from tunelab.generation.sampling import choose_tokens
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.text_so_far import TextSoFar
from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.head import output_at
from tunelab.inference.prefix import pad_rows
from tunelab.prompts.prompting import Prompt, prompt_ids, turn_end
from tunelab.prompts.viewer import token_text

# Rows that are left, as a share of the batch, below which the others are taken out.
_SPARSE = 0.5


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    settings: GenerationSettings | None = None,
    *,
    batch_size: int = 16,
    begun: Sequence[Sequence[Generation]] | None = None,
    interrupt: Callable[[], bool] = lambda: False,
) -> list[list[Generation]]:
    """Answer prompts: texts, conversations or token ids. Returns (prompts, samples) answers.

    The answers are those of one-by-one generation, up to ties within rounding, and sampled ones
    repeat with their seed whatever the batch; the same prompt given twice has the same answers.
    ``begun`` are answers that were interrupted, or ended by length: they continue where they ended,
    to what they would have been without it. ``interrupt`` is asked before every token.

    Raises:
        UsageError: a prompt is empty, no conversation, or does not fit the model's context.
        RunError: the chat template cannot render a conversation.
    """
    settings = settings or GenerationSettings()
    answers: list[list[Generation | None]] = [[None] * settings.samples for _ in prompts]
    for step in stream(
        model,
        tokenizer,
        prompts,
        settings,
        batch_size=batch_size,
        begun=begun,
        interrupt=interrupt,
    ):
        if step.done is not None:
            answers[step.prompt][step.sample] = step.done
    return [[answer for answer in samples if answer is not None] for samples in answers]


def stream(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    settings: GenerationSettings | None = None,
    *,
    batch_size: int = 16,
    begun: Sequence[Sequence[Generation]] | None = None,
    interrupt: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """As :func:`generate`, step by step: each answer's text as it comes, then the full answer.

    Raises:
        UsageError: as :func:`generate`, before anything is generated.
        RunError: as :func:`generate`.
    """
    settings = settings or GenerationSettings()
    rows = _rows(model, tokenizer, prompts, settings, begun)
    return _batches(model, tokenizer, rows, settings, batch_size, interrupt)


def stop_tokens(model: Any, tokenizer: Any) -> tuple[list[int], list[str]]:
    """Where an answer ends: the end of the template's turn, and the model's own ends.

    The strings are ends of a turn that are no tokens of this model.
    """
    tokens, strings = turn_end(tokenizer)
    return ending_tokens(tokens, model, tokenizer), strings


@dataclass
class _Row:
    """One sample of one prompt, while it is generated."""

    prompt: int
    sample: int
    ids: list[int]
    key: bytes
    text: TextSoFar
    room: int
    tokens: list[Token] = field(default_factory=list)
    ending: Ending | None = None

    @property
    def all_ids(self) -> list[int]:
        """The prompt and what was generated after it."""
        return self.ids + [token.id for token in self.tokens if token.id is not None]


def _rows(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    settings: GenerationSettings,
    begun: Sequence[Sequence[Generation]] | None,
) -> list[_Row]:
    context = context_length(model)
    stops, marks = stop_tokens(model, tokenizer)
    rows = []
    for position, prompt in enumerate(prompts):
        ids = prompt_ids(tokenizer, prompt)
        what = "the prompt" if len(prompts) == 1 else f"prompt {position + 1}"
        check_fits(len(ids), context, what=what)
        key = noise_key(settings.seed, ids)
        for sample in range(settings.samples):
            text = TextSoFar(tokenizer, ids[-1], (*settings.stop, *marks))
            room = settings.max_new_tokens
            if context is not None:
                room = min(room, context - len(ids))
            row = _Row(position, sample, ids, key, text, room)
            for token in begun[position][sample].tokens if begun is not None else ():
                if token.id is not None and row.ending is None:
                    row.tokens.append(token)
                    _advance(row, token.id, stops, settings)
            rows.append(row)
    check_known(model, [row.ids for row in rows])
    return rows


def _batches(
    model: Any,
    tokenizer: Any,
    rows: Sequence[_Row],
    settings: GenerationSettings,
    batch_size: int,
    interrupt: Callable[[], bool],
) -> Iterator[Progress]:
    stops = stop_tokens(model, tokenizer)[0]
    for row in rows:
        if row.ending is not None:
            yield _progress(row)
        else:
            # What was shown before the interrupt is shown again, since the caller is another.
            shown = row.text.show()
            if shown:
                yield Progress(row.prompt, row.sample, shown)
    waiting = [row for row in rows if row.ending is None]
    waiting.sort(key=lambda row: len(row.all_ids))
    for start in range(0, len(waiting), batch_size):
        batch = waiting[start : start + batch_size]
        if interrupt():
            for row in batch:
                row.ending = "interrupted"
                yield _progress(row)
            continue
        yield from _batch(model, tokenizer, batch, settings, stops, interrupt)


def _batch(
    model: Any,
    tokenizer: Any,
    batch: list[_Row],
    settings: GenerationSettings,
    stops: Sequence[int],
    interrupt: Callable[[], bool],
) -> Iterator[Progress]:
    """Generate rows together. No context of torch is open at a yield, where the caller runs."""
    import torch

    started = time.perf_counter()
    state = _State(model, tokenizer, batch, settings)
    with torch.inference_mode():
        logits = state.read()
    while state.rows:
        with torch.inference_mode():
            draws = [uniform(row.key, row.sample, len(row.tokens)) for row in state.rows]
            chosen, logprobs = choose_tokens(logits, state.seen, settings, draws)
            numbers, values = chosen.tolist(), logprobs.tolist()
        seconds = time.perf_counter() - started
        running = [row for row in state.rows if row.ending is None]
        asked_to_end = interrupt()
        for row, number, value in zip(state.rows, numbers, values, strict=True):
            if row.ending is None:
                row.tokens.append(Token(number, token_text(tokenizer, number), value, seconds))
                _advance(row, number, stops, settings)
                if row.ending is None and asked_to_end:
                    row.ending = "interrupted"
        for row in running:
            yield _progress(row)
        started = time.perf_counter()
        with torch.inference_mode():
            if state.drop_ended(chosen):
                logits = state.step()


class _State:
    """The model's cache, and what it reads next, for the rows that still run."""

    def __init__(
        self, model: Any, tokenizer: Any, batch: list[_Row], settings: GenerationSettings
    ) -> None:
        import torch

        self.model = model
        self.rows = list(batch)
        contexts = [tuple(row.all_ids) for row in batch]
        self._distinct = list(dict.fromkeys(contexts))
        self._position = torch.tensor(
            [self._distinct.index(ids) for ids in contexts], device=model.device
        )
        self._padded = pad_rows(
            self._distinct, prefix=0, pad_token=tokenizer.pad_token_id or 0, device=model.device
        )
        self._penalty = settings.repetition_penalty != 1
        self._contexts = contexts
        self._last = (context_length(model) or 2**31) - 1
        self.seen: Any | None = None

    def read(self) -> Any:
        """Run every distinct prompt once; logits of the next token, (rows, vocabulary)."""
        import torch
        from transformers import DynamicCache

        self.cache = DynamicCache()
        self.attention = self._padded.attention_mask
        self.positions = self._padded.position_ids
        logits = self._forward(self._padded.input_ids)
        if self._penalty:
            self.seen = torch.zeros_like(logits[self._position], dtype=torch.bool)
            for position, ids in enumerate(self._contexts):
                self.seen[position, torch.tensor(ids, device=logits.device)] = True
        self.positions = self.positions[:, -1:]
        if len(self._distinct) < len(self.rows):
            logits = logits[self._position]
            self.attention = self.attention[self._position]
            self.positions = self.positions[self._position]
            self.cache.batch_select_indices(self._position)
        return logits

    def drop_ended(self, chosen: Any) -> bool:
        """Add the chosen tokens, and drop the rows that have ended where they are many."""
        import torch

        running = [position for position, row in enumerate(self.rows) if row.ending is None]
        if not running:
            self.rows = []
            return False
        if self.seen is not None:
            self.seen.scatter_(1, chosen[:, None], True)
        self.chosen = chosen[:, None]
        if len(running) < _SPARSE * len(self.rows):
            indices = torch.tensor(running, device=chosen.device)
            self.cache.batch_select_indices(indices)
            self.attention, self.positions = self.attention[indices], self.positions[indices]
            self.chosen = self.chosen[indices]
            self.seen = None if self.seen is None else self.seen[indices]
            self.rows = [self.rows[position] for position in running]
        return True

    def step(self) -> Any:
        """Run the chosen tokens; logits of the next ones."""
        import torch

        ones = self.attention.new_ones(len(self.rows), 1)
        self.attention = torch.cat([self.attention, ones], dim=1)
        # A row that has ended may stand at the end of the context.
        self.positions = (self.positions + 1).clamp(max=self._last)
        return self._forward(self.chosen)

    def _forward(self, input_ids: Any) -> Any:
        import torch

        every_row = torch.arange(len(input_ids), device=self.model.device)
        refused = f"{name_of(self.model)} cannot generate", "choose another model"
        with explain_errors(*refused), output_at(self.model, every_row):
            return self.model(
                input_ids=input_ids,
                attention_mask=self.attention,
                position_ids=self.positions,
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[0]


def _advance(row: _Row, number: int, stops: Sequence[int], settings: GenerationSettings) -> None:
    """Add a token to the row's text, and check whether the answer ends with it."""
    if row.ending is not None:
        return
    if number in stops:
        row.ending = "stop token"
        return
    row.text.add(number)
    if row.text.stopped:
        row.ending = "stop string"
    elif len(row.tokens) >= row.room:
        row.ending = "length" if row.room == settings.max_new_tokens else "context"


def _progress(row: _Row) -> Progress:
    if row.ending is None:
        return Progress(row.prompt, row.sample, row.text.show())
    done = Generation(row.text.text, tuple(row.tokens), row.ending, len(row.ids))
    return Progress(row.prompt, row.sample, row.text.show(everything=True), done)
