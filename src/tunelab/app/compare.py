"""Compare: two models answer the same prompt, side by side, as they write."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tunelab.app.downloads import require_models
from tunelab.app.loaded import open_model
from tunelab.app.names import model_names, pick
from tunelab.app.settings import AppSettings
from tunelab.errors import UsageError
from tunelab.numbers import counted

EXAMPLE = "Explain in one sentence why the sky is blue."
MOST_CHARACTERS = 8_000
MOST_TOKENS = 512
# Seconds between two states that are sent to the page.
_EVERY = 0.15


@dataclass
class Column:
    """One side: the text so far, and a note on its state."""

    text: str = ""
    note: str = "…"


def compare(
    settings: AppSettings,
    sides: tuple[tuple[str, bool], tuple[str, bool]],
    prompt: str,
    system: str,
    temperature: float,
    tokens: float,
    seed: float,
) -> Iterator[tuple[Column, Column]]:
    """Yield the state of both sides until both have ended.

    ``sides``: the name of a model, and whether its chat template is used, twice.

    Raises:
        UsageError: the prompt is empty, too long for a model, or a number cannot be.
        DownloadNeededError: a model is not on this machine.
        RunError: a model cannot be loaded.
    """
    from tunelab.generation.settings import GenerationSettings

    if not prompt.strip():
        raise UsageError("write a prompt first.")
    if max(len(prompt), len(system)) > MOST_CHARACTERS:
        raise UsageError(f"the prompt is too long: the page takes {MOST_CHARACTERS:,} characters.")
    known = model_names(settings.models)
    for name, _ in sides:
        pick("model", name, known)
    asked = GenerationSettings(
        temperature=_number("temperature", temperature),
        max_new_tokens=min(MOST_TOKENS, int(_number("number of tokens", tokens))),
        seed=int(_number("seed", seed)),
    )
    require_models(name for name, _ in sides)
    columns = (Column(note="Loading the model …"), Column(note="Waiting …"))
    yield columns
    streams = []
    for position, (name, templated) in enumerate(sides):
        answerer = _answerer(name, settings.device, templated)
        columns[position].note = "Reading the prompt …"
        yield _copied(columns)
        streams.append(_steps(answerer, prompt, system.strip(), asked, columns[position]))
    shown = time.monotonic()
    while streams:
        streams = [stream for stream in streams if next(stream, None) is not None]
        if time.monotonic() - shown >= _EVERY:
            shown = time.monotonic()
            yield _copied(columns)
    yield _copied(columns)


def _answerer(name: str, device: str, templated: bool) -> Any:
    from tunelab.generation.local_model import LocalModel

    loaded = open_model(name, device)
    answerer = LocalModel(name, loaded.model, loaded.tokenizer)
    return answerer.with_template("own" if templated else "none")


def _steps(answerer: Any, prompt: str, system: str, asked: Any, column: Column) -> Iterator[bool]:
    """Write one side token by token."""
    from tunelab.generation.side_by_side import as_prompt

    for step in answerer.stream([as_prompt(answerer, prompt, system)], asked):
        column.text += step.text
        column.note = "Writing …"
        if step.done is not None:
            column.text = step.done.text
            column.note = _note(step.done, templated=bool(answerer.tokenizer.chat_template))
        yield True


def _note(done: Any, *, templated: bool) -> str:
    seconds = done.seconds_per_token
    rate = f", {1 / seconds:.1f} per second" if seconds else ""
    ending = {
        "stop token": "the model ended its answer",
        "stop string": "the model ended its answer",
        "length": "stopped at the limit of tokens",
        "context": "the context of the model is full",
    }.get(done.ending, done.ending)
    how = "with chat template" if templated else "without chat template"
    return f"{counted(len(done.tokens), 'token')}{rate}; {ending}; {how}."


def _copied(columns: tuple[Column, Column]) -> tuple[Column, Column]:
    return replace(columns[0]), replace(columns[1])


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float):
        raise UsageError(f"the {name} must be a number.")
    return float(value)
