"""What a study says of a hosted model, and the key that only the environment has."""

import logging
import os
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tunelab.classifiers.examples import ExampleSettings
from tunelab.config import Count, Number, Text
from tunelab.errors import UsageError
from tunelab.generation.endpoint.model import is_endpoint, open_endpoint
from tunelab.generation.endpoint.request import Timeouts
from tunelab.guards.validation import validated

_log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The environment variable with the addresses that saved classifiers may send texts to.
ALLOWED = "TUNELAB_ENDPOINTS"
# Of a server that says how long to wait, as one does that counts requests a minute.
_LONGEST_PAUSE = 120.0
# Tokens of an answer besides those of a label, as JSON has them around it.
_AROUND = 48


def _yes_or_no(value: Any) -> Any:
    """YAML reads a bare yes and no as booleans."""
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


Choice = Annotated[Literal["auto", "yes", "no"], BeforeValidator(_yes_or_no)]


class Prices(BaseModel):
    """What a million tokens cost, in whatever currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Annotated[Number, Field(ge=0)]
    output: Annotated[Number, Field(ge=0)]


class Settings(ExampleSettings):
    """The settings beside ``name`` and ``use``; ``KIND`` explains them."""

    url: Text
    model: Text
    key_from: Text | None = None
    concurrency: Annotated[Count, Field(le=256)] = 4
    retries: Annotated[int, Field(ge=0, le=100)] = 5
    timeout: Annotated[Number, Field(gt=0, le=86_400)] = 120.0
    max_tokens: Annotated[Count, Field(le=10**6)] | None = None
    max_failed: Annotated[Number, Field(ge=0, le=1)] = 0.05
    structured: Choice = "auto"
    logprobs: Choice = "auto"
    prices: Prices | None = None
    rows: Literal["all", "decided"] = "all"

    @property
    def patience(self) -> Timeouts:
        """The timeouts of a request."""
        return Timeouts(
            connect=min(10.0, self.timeout),
            silence=self.timeout,
            whole=self.timeout,
            attempts=self.retries + 1,
            longest_pause=_LONGEST_PAUSE,
        )

    def answer_limit(self, labels: Any) -> int:
        """Tokens of an answer at most: the setting, or enough for any label as JSON.

        A tokenizer of bytes makes no more tokens than a label has bytes.
        """
        return self.max_tokens or _AROUND + max(len(label.encode()) for label in labels)


def read_settings(values: Any, prefix: str = "") -> Settings:
    """The settings, with an address that may be written into records.

    Raises:
        UsageError: an unknown setting, a wrong value, or a secret in the address or in key_from,
            which is not repeated.
    """
    name = values.get("key_from")
    if isinstance(name, str) and not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,99}", name):
        raise UsageError(
            f"{prefix}key_from must be the name of an environment variable in capital letters, "
            "such as OPENAI_API_KEY, and never the key itself; what is there is not repeated here."
        )
    settings = validated(Settings, values, prefix=prefix)
    if not is_endpoint(settings.url) or "#" in settings.url:
        raise UsageError(f"{prefix}url must be an address as http://HOST:PORT/v1, and no more.")
    open_endpoint(f"{settings.url}#{settings.model}")
    return settings


def check_permitted(settings: Settings) -> None:
    """Refuse to open a saved classifier that sends texts to an address the user did not allow.

    A folder may come from a stranger, who would receive the texts and the key. The environment
    variable TUNELAB_ENDPOINTS holds the allowed addresses, divided by blanks; an address of this
    machine that gets no key needs none.

    Raises:
        UsageError: as said.
    """
    url = settings.url.rstrip("/")
    if urlsplit(url).hostname in _LOOPBACK and settings.key_from is None:
        return
    allowed = [one.rstrip("/") for one in os.environ.get(ALLOWED, "").split()]
    if url not in allowed:
        key = f" with the key in {settings.key_from}" if settings.key_from else ""
        raise UsageError(
            f"this classifier sends each text to {url}{key}; if you trust that address, set the "
            f"environment variable {ALLOWED}={url} and try again."
        )


def read_key(settings: Settings) -> str:
    """The key that the environment has for the endpoint; nothing where none is named.

    Raises:
        UsageError: the variable is not set, or holds what cannot be sent.
    """
    if settings.key_from is None:
        return ""
    key = os.environ.get(settings.key_from, "").strip()
    if not key:
        raise UsageError(
            f"the environment variable {settings.key_from} holds no key for {settings.url}; set "
            "it, or leave key_from out where the endpoint needs none."
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise UsageError(
            f"the environment variable {settings.key_from} holds blanks or letters that no key "
            "has; set it to the key alone."
        )
    parts = urlsplit(settings.url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        _log.warning("%s: the key is sent without encryption, as the address is http", settings.url)
    return key
