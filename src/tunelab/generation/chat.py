"""A chat: its messages, model and settings; saved and loaded as JSON."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.generation.local_model import Answerer
from tunelab.generation.outcome import Generation, Progress, Token
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.trimming import fit_messages
from tunelab.prompts.conversation import Message
from tunelab.prompts.prompting import check_messages
from tunelab.registry import check_name
from tunelab.runs.results import read_json, write_json

VERSION = 1


@dataclass(frozen=True)
class Chat:
    """The state of a chat. ``messages`` are the user's and the assistant's, without ``system``.

    ``unfinished`` is the last answer where it was interrupted: it can be continued.
    """

    model: str
    template: str = "own"
    system: str = ""
    messages: tuple[Message, ...] = ()
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    unfinished: Generation | None = None

    def prompt(self) -> list[Message]:
        """What the model is asked: the system's text, and everything up to the last question."""
        said = list(self.messages)
        if said and said[-1]["role"] == "assistant":
            said.pop()
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *said]

    def asked(self, text: str) -> "Chat":
        """The chat with one more question."""
        said = list(self.messages)
        if said and said[-1]["role"] == "user":
            # A question that got no answer, as its model failed: both are asked together.
            said[-1] = {"role": "user", "content": f"{said[-1]['content']}\n\n{text}"}
        else:
            said.append({"role": "user", "content": text})
        return replace(self, messages=tuple(said), unfinished=None)

    def answered(self, generation: Generation) -> "Chat":
        """The chat with the answer to its last question."""
        said = list(self.messages)
        if said and said[-1]["role"] == "assistant":
            said.pop()
        said.append({"role": "assistant", "content": generation.text.strip()})
        unfinished = generation if not generation.stopped else None
        return replace(self, messages=tuple(said), unfinished=unfinished)


def reply(
    chat: Chat,
    answerer: Answerer,
    *,
    interrupt: Callable[[], bool] = lambda: False,
    notice: Callable[[str], None] = lambda text: None,
    begun: Generation | None = None,
) -> Iterator[Progress]:
    """Answer the last question of a chat, step by step; with ``begun``, continue from there.

    Raises:
        UsageError: the question does not fit the context; the numbers are named.
        RunError: the template cannot render the chat, or an endpoint gave up.
    """
    settings = replace(chat.settings, samples=1)
    room = None if answerer.context is None else answerer.context - settings.max_new_tokens
    prompt, left_out = fit_messages(chat.prompt(), answerer.count, room)
    if left_out:
        notice(left_out)
    earlier = None
    if begun is not None:
        # What ended by length goes on for as many tokens again.
        more = settings.max_new_tokens + len(begun.tokens)
        settings = replace(settings, max_new_tokens=more)
        earlier = [[begun]]
    return answerer.stream([prompt], settings, begun=earlier, interrupt=interrupt)


def save_chat(chat: Chat, path: Path) -> None:
    """Write a chat as JSON.

    Raises:
        RunError: the file cannot be written.
    """
    write_json(path, {"version": VERSION, **asdict(chat)})


def load_chat(path: Path) -> Chat:
    """Read a chat that was saved.

    Raises:
        UsageError: it is none, or a later version of tunelab wrote it.
        RunError: the file cannot be read.
    """
    values = read_json(path)
    if not isinstance(values, Mapping) or values.get("version") != VERSION:
        raise UsageError(f"{path} holds no chat that this tunelab can read.")
    try:
        messages = check_messages(values["messages"]) if values["messages"] else []
        return Chat(
            model=str(values["model"]),
            template=str(values["template"]),
            system=str(values["system"]),
            messages=tuple(messages),
            settings=make_settings(values["settings"]),
            unfinished=_read_generation(values.get("unfinished")),
        )
    except (KeyError, TypeError, AttributeError):
        raise UsageError(f"{path} is damaged: parts of the chat are missing.") from None


def _read_generation(values: Any) -> Generation | None:
    if values is None:
        return None
    tokens = tuple(Token(**token) for token in values["tokens"])
    return Generation(**{**values, "tokens": tokens})


def make_settings(values: Mapping[str, Any]) -> GenerationSettings:
    """Settings from their names and values.

    Raises:
        UsageError: there is no such setting, or a value is wrong.
    """
    known = [one.name for one in fields(GenerationSettings)]
    for name in values:
        check_name("setting of generation", str(name), known)
    given = dict(values)
    if isinstance(given.get("stop"), list):
        given["stop"] = tuple(given["stop"])
    return GenerationSettings(**given)
