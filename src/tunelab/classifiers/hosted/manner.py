"""How a server is asked: which optional parts of a request it takes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Log-probabilities at a position that servers give at most.
_LIKELIEST = 20
# Statuses by which servers refuse a part of a request that they do not know.
REFUSED = (400, 415, 422, 500, 501)
_VALUE = re.compile(r'"label"\s*:\s*"')


@dataclass(frozen=True)
class Manner:
    """The parts of a request. ``renamed``: the limit is called max_completion_tokens."""

    schema: bool
    logprobs: bool
    renamed: bool = False
    temperature: bool = True

    def body(self, base: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """The body of a request, from one with messages, temperature and max_tokens."""
        body = {**base, "stream": False}
        if self.renamed:
            body["max_completion_tokens"] = body.pop("max_tokens")
        if not self.temperature:
            del body["temperature"]
        if self.schema:
            body["response_format"] = answer_schema(labels)
        if self.logprobs:
            body |= {"logprobs": True, "top_logprobs": _LIKELIEST}
        return body

    def after(self, refusal: str, *, schema: bool, logprobs: bool) -> "Manner | None":
        """How to ask once more after a refusal, or None where nothing is left to change.

        What the server names is changed first. ``schema`` and ``logprobs`` say which of these may
        be left out.
        """
        if "max_completion_tokens" in refusal and not self.renamed:
            return replace(self, renamed=True)
        if "temperature" in refusal and self.temperature:
            return replace(self, temperature=False)
        if "logprobs" in refusal and self.logprobs and logprobs:
            return replace(self, logprobs=False)
        if self.schema and schema:
            return replace(self, schema=False)
        if self.logprobs and logprobs:
            return replace(self, logprobs=False)
        return None

    @property
    def changes(self) -> list[str]:
        """What the server did not take of a request as others take it."""
        found = []
        if self.renamed:
            found.append("max_tokens is called max_completion_tokens")
        if not self.temperature:
            found.append("the temperature is the server's own, so answers may change")
        return found


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The ``response_format`` that leaves one of the labels as the only answer."""
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": list(labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "label", "strict": True, "schema": schema},
    }


def unwrapped(text: str) -> tuple[str, int] | None:
    """The label in an answer by the schema, and where it begins in the text; None in another."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = _VALUE.search(text)
    if not isinstance(values, dict) or not isinstance(values.get("label"), str) or not found:
        return None
    return values["label"], found.end()
