"""The settings of a service, from options and the environment."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tunelab.errors import UsageError
from tunelab.guards.web_requests import LOOPBACK

PREFIX = "TUNELAB_SERVE_"
TOKEN_VARIABLE = f"{PREFIX}TOKEN"


@dataclass(frozen=True)
class ServeSettings:
    """How a service listens, batches, and bounds what it takes.

    ``batch_texts`` texts are labelled together at most, and a request waits ``batch_wait``
    milliseconds at most for others to join it. ``queue``: requests that are being read, wait or
    are being answered. ``connections``: open ones at most. ``body_bytes`` of a request,
    ``texts`` of a request and ``characters`` of a text are taken at most; ``new_tokens`` are
    written to a request at most. ``request_seconds`` is the time to an answer, ``body_seconds``
    that in which a request has to arrive. ``record`` is a file that gets every answer, with the
    text as ``record_as`` says; empty for none.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    device: str = "auto"
    batch_texts: int = 64
    batch_wait: float = 2.0
    queue: int = 256
    connections: int = 1000
    body_bytes: int = 2_000_000
    texts: int = 256
    characters: int = 20_000
    new_tokens: int = 1024
    request_seconds: float = 60.0
    body_seconds: float = 10.0
    record: str = ""
    record_as: str = "words"
    token: str | None = field(default=None, repr=False)

    @property
    def hosts(self) -> frozenset[str] | None:
        """The names that the service answers to; None for any, which takes a token."""
        return frozenset(LOOPBACK) if self.host in LOOPBACK else None


# What --help and the reference say of each option, in their order.
OPTIONS: Mapping[str, str] = {
    "host": "the address to listen on; any but loopback needs a token (default: 127.0.0.1)",
    "port": "default: 8000; 0 picks a free one",
    "device": "auto, cpu, cuda or mps",
    "batch_texts": "texts that are labelled together at most; 1: no batching (default: 64)",
    "batch_wait": "milliseconds that a request waits for others to join it (default: 2)",
    "queue": "requests that are read, wait or are answered; more get 429 (default: 256)",
    "connections": "open connections; more get 503 (default: 1000)",
    "body_bytes": "bytes of a request (default: 2000000)",
    "texts": "texts of a request (default: 256)",
    "characters": "characters of a text (default: 20000)",
    "new_tokens": "tokens that a model writes to a request (default: 1024)",
    "request_seconds": "seconds to an answer; longer gets 504 (default: 60)",
    "body_seconds": "seconds in which a request has to arrive; longer gets 408 (default: 10)",
    "record": "a .jsonl file that gets a line for each label, for tunelab monitor (default: none)",
    "record_as": "what the file keeps of a text: words (hashed), or texts (default: words)",
}
# What a record keeps of a text.
RECORDED = ("words", "texts")


def read_settings(
    given: Mapping[str, str | None], environment: Mapping[str, str], token: str | None
) -> ServeSettings:
    """The settings: an option that was given, else its variable, else the default.

    The variable of ``--batch-texts`` is ``TUNELAB_SERVE_BATCH_TEXTS``, and so on.

    Raises:
        UsageError: a variable of no option, a value of the wrong type or out of its range, a token
            that is not ASCII, or other machines are let in without a token.
    """
    known = {f"{PREFIX}{name.upper()}": name for name in OPTIONS}
    strange = [
        name
        for name in environment
        if name.startswith(PREFIX) and name not in known and name != TOKEN_VARIABLE
    ]
    if strange:
        raise UsageError(
            f"the environment holds {sorted(strange)[0]}, which is no setting of the service; "
            f"known are {', '.join(known)} and {TOKEN_VARIABLE}."
        )
    values: dict[str, Any] = {}
    for variable, name in known.items():
        option, told = f"--{name.replace('_', '-')}", given.get(name)
        if told is not None:
            values[name] = _converted(name, told, option)
        elif variable in environment:
            values[name] = _converted(name, environment[variable], variable)
    settings = ServeSettings(**values, token=token)
    if settings.record_as not in RECORDED:
        raise UsageError(
            f"--record-as must be {' or '.join(RECORDED)}, not {settings.record_as[:60]!r}."
        )
    if settings.record and not settings.record.endswith(".jsonl"):
        raise UsageError(f"--record {settings.record[:200]}: name a .jsonl file.")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError(
            "the token holds a character that a header cannot carry; use letters, digits and signs "
            "of ASCII alone."
        )
    if settings.host not in LOOPBACK and token is None:
        raise UsageError(
            f"--host {settings.host} lets other machines connect, which needs a token: write one "
            f"into a file and name it with --token-file, or set {TOKEN_VARIABLE}."
        )
    return settings


_TYPES = {one.name: one.type for one in fields(ServeSettings)}
# The settings that may be 0.
_FROM_ZERO = ("port", "batch_wait")


def _converted(name: str, text: str, where: str) -> str | int | float:
    kind = _TYPES[name]
    if kind is str:
        return text
    number = int if kind is int else float
    try:
        value = number(text)
    except (ValueError, OverflowError):
        noun = "whole number" if kind is int else "number"
        raise UsageError(f"{where} must be a {noun}, not {text[:60]!r}.") from None
    if not math.isfinite(value) or value < 0 or (value == 0 and name not in _FROM_ZERO):
        bound = "0 or more" if name in _FROM_ZERO else "above 0"
        raise UsageError(f"{where} must be {bound}, not {text[:60]!r}.")
    return value
