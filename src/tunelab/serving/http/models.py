"""The models of the service as requests name them."""

from collections.abc import Mapping
from typing import Any

from tunelab.errors import UsageError
from tunelab.registry import check_name
from tunelab.serving.http.refusals import RequestError
from tunelab.serving.http.served import Served


def find_model(served: Mapping[str, Served], name: str) -> Served:
    """The model of that id.

    Raises:
        RequestError: there is none.
    """
    try:
        check_name("model", name, list(served))
    except UsageError as error:
        raise RequestError(404, str(error)) from None
    return served[name]


def find_classifier(served: Mapping[str, Served], name: str | None) -> Served:
    """The classifier that a request names, or the only one.

    Raises:
        RequestError: there is none of that name, it labels no texts, or none is named of several.
    """
    classifiers = [one for one in served.values() if one.fitted is not None]
    if name is None:
        if len(classifiers) == 1:
            return classifiers[0]
        known = ", ".join(one.id for one in classifiers) or "none"
        raise RequestError(400, f"name a model; those that label texts are: {known}.")
    found = find_model(served, name)
    if found.fitted is None:
        raise RequestError(400, f"{name} labels no texts; use /v1/chat/completions.")
    return found


def listed(one: Served, started: int) -> dict[str, Any]:
    """A model as OpenAI's clients list it, and what it does."""
    return {
        "id": one.id,
        "object": "model",
        "created": started,
        "owned_by": "tunelab",
        "classifies": one.fitted is not None,
        "chats": one.answerer is not None,
        "labels": None if one.fitted is None else list(one.fitted.labels),
        "probabilities": one.probabilities,
        "threshold": None if one.rule is None else one.rule.threshold,
        **one.about,
    }


def ability(one: Served) -> str:
    """What a model does, in words."""
    parts = [
        "labels texts" if one.fitted is not None else "",
        "writes text" if one.answerer is not None else "",
    ]
    return ", ".join(part for part in parts if part)
