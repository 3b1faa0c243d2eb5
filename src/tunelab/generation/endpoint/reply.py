"""An endpoint's answer as it comes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunelab.generation.endpoint.errors import TransientError
from tunelab.generation.outcome import Ending, Generation, Token
from tunelab.generation.settings import GenerationSettings


@dataclass(frozen=True)
class TokenChoice:
    """A token of an answer and the likeliest ones in its place, each with its log-probability."""

    token: str
    likeliest: tuple[tuple[str, float], ...]


@dataclass
class Reply:
    """The part of an answer that was received. ``reason`` is why it ended, None until then.

    ``choices`` are the server's tokens, each with the likeliest ones at its position, where it
    gives them. ``prompt_tokens`` and ``answer_tokens`` are what it counted.
    """

    tokens: list[Token] = field(default_factory=list)
    reason: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    choices: list[TokenChoice] = field(default_factory=list)
    interrupted: bool = False

    @property
    def text(self) -> str:
        """The text received so far."""
        return "".join(token.text for token in self.tokens)

    def generation(self, settings: GenerationSettings) -> Generation:
        """The answer, cut at the stop strings that the server let through."""
        text = self.text
        positions = [position for position in map(text.find, settings.stop) if position >= 0]
        ending: Ending = "length" if self.reason == "length" else "stop token"
        if positions:
            text, ending = text[: min(positions)], "stop string"
        if self.interrupted:
            ending = "interrupted"
        return Generation(text, tuple(self.tokens), ending, self.prompt_tokens)


def take(event: Mapping[str, Any], reply: Reply, seconds: float) -> str:
    """Add an event to a reply; the text that it brought, after so many seconds.

    Raises:
        TransientError: the event is none of an answer.
    """
    try:
        usage = event.get("usage") or {}
        if usage.get("prompt_tokens") is not None:
            reply.prompt_tokens = int(usage["prompt_tokens"])
        if usage.get("completion_tokens") is not None:
            reply.answer_tokens = int(usage["completion_tokens"])
        choices = event.get("choices") or []
        if not choices:
            return ""
        choice = choices[0]
        part = choice.get("delta") or choice.get("message") or choice
        text = part.get("content") or part.get("text") or ""
        if not isinstance(text, str):
            raise TypeError
        if choice.get("finish_reason") is not None:
            reply.reason = str(choice["finish_reason"])
        listed = choice.get("logprobs") or {}
        reply.choices += map(_token_choice, listed.get("content") or [])
    except (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError):
        raise TransientError("it sends something else than answers") from None
    if text:
        reply.tokens.append(Token(None, text, None, seconds))
    return text


def _token_choice(entry: Mapping[str, Any]) -> TokenChoice:
    pairs = [entry, *(entry.get("top_logprobs") or [])]
    found = {str(pair["token"]): float(pair["logprob"]) for pair in pairs}
    return TokenChoice(
        str(entry["token"]),
        tuple((token, value) for token, value in found.items() if not math.isnan(value)),
    )
