"""Requests to an endpoint, and their timeouts."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tunelab.errors import UsageError
from tunelab.generation.settings import GenerationSettings
from tunelab.prompts.markers import break_markers
from tunelab.prompts.prompting import Prompt, check_messages

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """The timeouts of a request, in seconds.

    ``silence`` is the longest time without a byte, ``whole`` that of an answer; ``attempts`` is
    how often a request is made at most, and ``pause`` the wait before the second one, which
    doubles each time up to ``longest_pause``.
    """

    connect: float = 10.0
    silence: float = 120.0
    whole: float = 1200.0
    attempts: int = 4
    pause: float = 1.0
    longest_pause: float = 30.0


@dataclass(frozen=True)
class Request:
    """One request to ``url``/``path``."""

    url: str
    path: str
    body: Mapping[str, Any]
    patience: Timeouts
    key: str = field(default="", repr=False)


def seeded(request: Request, seed: int) -> Request:
    """The same request for the answer of another seed."""
    return replace(request, body={**request.body, "seed": seed % 2**31})


def content(model: str, prompt: Prompt, settings: GenerationSettings) -> tuple[str, dict[str, Any]]:
    """The path and the body that ask a model for an answer.

    Raises:
        UsageError: the prompt is empty, or given as token ids.
    """
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "temperature": settings.temperature,
        "max_tokens": settings.max_new_tokens,
    }
    neutral = GenerationSettings()
    # Servers that do not know a setting refuse it, so only what was chosen is sent.
    for name in ("top_p", "top_k", "min_p", "repetition_penalty"):
        if getattr(settings, name) != getattr(neutral, name):
            body[name] = getattr(settings, name)
    if settings.stop:
        body["stop"] = list(settings.stop)
    if isinstance(prompt, str):
        if not prompt:
            raise UsageError("the prompt holds no token; give some text.")
        return "completions", {**body, "prompt": _defended(prompt)}
    if all(isinstance(part, int) for part in prompt):
        raise UsageError("an endpoint takes texts and conversations, not token ids.")
    messages = check_messages(prompt)
    return "chat/completions", {
        **body,
        "messages": [{**one, "content": _defended(one["content"])} for one in messages],
    }


def _defended(text: str) -> str:
    whole, markers = break_markers(text)
    if markers:
        _log.warning(
            "%d markers of chat templates in the text were taken apart, so that the endpoint reads "
            "them as text",
            markers,
        )
    return whole
