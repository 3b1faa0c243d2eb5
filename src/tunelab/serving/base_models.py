"""The base model of a classifier, in the words of cards and of the Hub."""

from pathlib import Path

from tunelab.errors import UsageError
from tunelab.models.catalog import ModelCard, find
from tunelab.serving.inert_markdown import plain_name

_LICENCES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "Gemma Terms of Use": "gemma",
    "Llama 3.2 Community License": "llama3.2",
}


def licence_keys(card: ModelCard) -> dict[str, str]:
    """The licence in the Hub's words."""
    known = _LICENCES.get(card.licence)
    if known:
        return {"license": known}
    keys = {"license": "other", "license_name": plain_name(card.licence).lower()}
    return keys | ({"license_link": card.licence_url} if card.licence_url else {})


def find_card(name: str) -> ModelCard:
    """The card of a base model. A folder that has gone since the training is still a folder."""
    try:
        return find(name)
    except UsageError:
        return ModelCard(name=name, kind="folder", source="folder", licence="unknown")


def base_model(card: ModelCard) -> str | None:
    """The repository on the Hub that a base model was published in, if it was."""
    return card.published or (card.location if card.source == "hub" else None)


def base_in_words(card: ModelCard) -> str:
    """A base model by its published name; of a local folder only the last part of the path."""
    if card.source == "folder":
        return f"a model in a local folder ({Path(card.name).name})"
    named = f"{card.name} ({card.published})" if card.published else card.name
    return card.location or named
