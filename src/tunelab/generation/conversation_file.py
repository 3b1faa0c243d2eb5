"""Conversations as YAML: who speaks, as whom, in which order, and what a good answer shows."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from tunelab.config import Integer, Section, Text
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path, is_file
from tunelab.guards.strict_yaml import read_keys
from tunelab.guards.validation import validated
from tunelab.registry import unknown

ALTERNATE = "alternate"
Named = Annotated[Text, Field(min_length=1, max_length=100)]


class Speaker(Section):
    """Someone in a conversation."""

    name: Named = Field(description="what the others call this speaker")
    persona: Text = Field("", description="the system text when the model plays this speaker")


class Turn(Section):
    """One line. Without a text, the model plays the speaker."""

    speaker: Named = Field(description="the name of a speaker")
    text: Text | None = Field(None, description="what is said; left out, the model says it")


class Good(Section):
    """What a good answer shows."""

    speaker: Named = Field(description="whose answers are looked at")
    turn: Annotated[Integer, Field(ge=1)] | None = Field(
        None, description="the number of the turn, from 1; left out, any turn of the speaker"
    )
    about: Text = Field(description="what is looked for, in words")
    contains: Annotated[list[Text], Field(min_length=1)] = Field(
        description="words or numbers, one of which must be in the answer"
    )


class ConversationFile(Section):
    """A conversation to be played.

    ``next`` is ``alternate``, or the names of speakers in the order in which they speak after
    the last of ``turns``, over and over.
    """

    name: Named = Field("conversation", description="names the conversation")
    about: Text = Field("", description="what it is, in a sentence")
    opening: Text = Field("", description="said to every speaker before the first turn")
    speakers: Annotated[list[Speaker], Field(min_length=2, max_length=100)] = Field(
        description="who takes part"
    )
    turns: Annotated[list[Turn], Field(min_length=1, max_length=10_000)] = Field(
        description="the lines, in order"
    )
    next: Text | list[Text] = Field(ALTERNATE, description="who speaks in further turns")
    further: Annotated[Integer, Field(ge=0, le=10_000)] = Field(
        0, description="turns that the model adds after the last one"
    )
    good: list[Good] = Field(default_factory=list, description="what good answers show")

    @model_validator(mode="after")
    def _names_fit(self) -> "ConversationFile":
        names = [speaker.name for speaker in self.speakers]
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError("gives two speakers the same name")
        order = [] if self.next == ALTERNATE else self.next
        if isinstance(order, str) or (self.next != ALTERNATE and not order):
            raise ValueError("must have next: alternate, or a list of speakers")
        used = [*(turn.speaker for turn in self.turns), *order, *(one.speaker for one in self.good)]
        strange = next((name for name in used if name not in names), None)
        if strange is not None:
            raise ValueError(
                f"names {strange!r}, who is not one of its speakers: {', '.join(names)}"
            )
        return self

    def persona(self, name: str) -> str:
        """The persona of a speaker."""
        return next(one.persona for one in self.speakers if one.name == name)

    def others(self, name: str) -> list[str]:
        """Everyone but this speaker."""
        return [one.name for one in self.speakers if one.name != name]

    def schedule(self, further: int | None = None) -> list[Turn]:
        """All turns, those that the model adds among them."""
        count = self.further if further is None else further
        names = [speaker.name for speaker in self.speakers]
        order = names if self.next == ALTERNATE else list(self.next)
        turns = list(self.turns)
        # Alternating goes on behind who spoke last; a list of names begins at its first.
        start = order.index(turns[-1].speaker) + 1 if self.next == ALTERNATE else 0
        return turns + [Turn(speaker=order[(start + step) % len(order)]) for step in range(count)]


def conversation_names() -> tuple[str, ...]:
    """The conversations that tunelab ships."""
    return tuple(sorted(path.name.removesuffix(".yaml") for path in _folder().iterdir()))


def read_conversation(name: str) -> ConversationFile:
    """A conversation that tunelab ships, or of a YAML file.

    Raises:
        UsageError: there is none, or a key, a type or a name in it is wrong.
    """
    path = home_path(name)
    if name in conversation_names():
        path = Path(str(_folder() / f"{name}.yaml"))
    elif path.suffix not in (".yaml", ".yml"):
        raise unknown("conversation", name, conversation_names())
    elif not is_file(path):
        raise UsageError(f"there is no conversation file {name[:200]!r}.")
    return validated(ConversationFile, read_keys(path), where=f"{path.name}: ")


def _folder() -> Any:
    return files("tunelab.generation") / "conversations"
