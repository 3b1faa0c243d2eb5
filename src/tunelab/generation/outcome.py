"""The results of generation: tokens, text, and why it ended."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Ending = Literal["stop token", "stop string", "length", "context", "interrupted"]


@dataclass(frozen=True)
class Token:
    """One generated token. ``logprob`` is the model's own, in nats, or None where it is not known.

    ``seconds`` is the time since the token before it, or since the start for the first one; in a
    batch all rows wait for one another.
    """

    id: int | None
    text: str
    logprob: float | None
    seconds: float


@dataclass(frozen=True)
class Generation:
    """An answer alone, without its prompt.

    ``text`` ends before a stop string and leaves control tokens out; ``tokens`` are all that were
    generated, a stop token among them. ``ending`` is why it ended. ``prompt_tokens`` counts the
    tokens before it, or is None where a server does not say.
    """

    text: str
    tokens: tuple[Token, ...]
    ending: Ending
    prompt_tokens: int | None

    @property
    def stopped(self) -> bool:
        """Whether the model ended the answer by itself."""
        return self.ending in ("stop token", "stop string")

    @property
    def first_token_seconds(self) -> float | None:
        """Time to the first token."""
        return self.tokens[0].seconds if self.tokens else None

    @property
    def seconds_per_token(self) -> float | None:
        """Mean time from one token to the next, after the first."""
        later = [token.seconds for token in self.tokens[1:]]
        return sum(later) / len(later) if later else None

    @property
    def logprob(self) -> float | None:
        """Log-probability of all tokens together, in nats."""
        known = [token.logprob for token in self.tokens if token.logprob is not None]
        return sum(known) if known and len(known) == len(self.tokens) else None

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return {
            **asdict(self),
            "stopped": self.stopped,
            "first_token_seconds": self.first_token_seconds,
            "seconds_per_token": self.seconds_per_token,
            "logprob": self.logprob,
        }


@dataclass(frozen=True)
class Progress:
    """A step of streaming: the new text of one sample of one prompt.

    ``text`` is what can be shown now: half a character or what may become a stop string is held
    back. ``done`` is the whole answer once it has ended.
    """

    prompt: int
    sample: int
    text: str
    done: Generation | None = None
