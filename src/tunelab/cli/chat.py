"""Talk with a model in the terminal, or play a conversation file.

  tunelab chat --model smollm2-135m-instruct [--system TEXT] [--template NAME] [--load FILE]
  tunelab chat --model smollm2-135m-instruct --play math-teacher [--template own --template none]

In a chat: /help lists the commands, Ctrl-C ends an answer, and /continue resumes it.
Conversations: math-teacher, two-experts, or a YAML file.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.cli.answering import (
    add_model,
    add_settings,
    device_and_dtype,
    given_settings,
    interruptible,
)
from tunelab.cli.arguments import add_format
from tunelab.errors import TunelabError, UsageError

if TYPE_CHECKING:
    from tunelab.generation.chat import Chat
    from tunelab.generation.local_model import Answerer

_HELP = """\
/system TEXT     set the system's text (empty: none)     /settings        show settings
/set NAME=VALUE  set one, as in temperature=0.7          /history         show what was said
/model NAME      continue with another model             /template NAME   own, none, chatml, …
/continue        continue an answer that was cut         /again           answer once more
/save FILE       save the chat                           /load FILE       load one
/clear           forget what was said                    /quit            leave (or Ctrl-D)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab chat`."""
    add_model(parser, several=False)
    parser.add_argument("--load", type=Path, metavar="FILE", help="continue with a saved chat")
    parser.add_argument("--save", type=Path, metavar="FILE", help="save the chat at its end")
    parser.add_argument("--play", metavar="FILE", help="play a conversation file")
    parser.add_argument("--turns", type=int, metavar="N", help="with --play: further turns")
    parser.add_argument("--temperature", type=float, metavar="T", help="0: the likeliest token")
    add_settings(parser)
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Play a file or talk until the input ends."""
    from tunelab.generation.chat import Chat, load_chat, make_settings

    values = given_settings(arguments, temperature=arguments.temperature)
    if arguments.play is not None:
        return _play(arguments, values)
    if arguments.load is not None:
        chat = load_chat(arguments.load)
    elif arguments.model is not None:
        chat = Chat(arguments.model)
    else:
        raise UsageError("name a --model, or --load a chat.")
    from dataclasses import asdict

    chat = replace(chat, settings=make_settings({**asdict(chat.settings), **values}))
    for name in ("model", "template", "system"):
        if getattr(arguments, name) is not None:
            chat = replace(chat, **{name: getattr(arguments, name)})
    return _Terminal(chat, arguments.device).talk(save=arguments.save)


def _play(arguments: argparse.Namespace, values: dict[str, Any]) -> int:
    from tunelab.cli.tables import print_table
    from tunelab.generation.chat import make_settings
    from tunelab.generation.conversation_file import read_conversation
    from tunelab.generation.local_model import LocalModel, open_answerer
    from tunelab.generation.play import Played, play

    if arguments.model is None:
        raise UsageError("name the --model that plays.")
    if arguments.turns is not None and not 0 <= arguments.turns <= 10_000:
        raise UsageError("--turns must be from 0 to 10000.")
    conversation = read_conversation(arguments.play)
    settings = make_settings({"max_new_tokens": 96, **values})
    device, dtype = device_and_dtype(arguments.device)
    answerer = open_answerer(
        arguments.model, template=arguments.template or "own", device=device, dtype=dtype
    )
    # With and without the template, unless one was asked for.
    templates = [arguments.template or "own"]
    if arguments.template is None and isinstance(answerer, LocalModel):
        has_own = answerer.tokenizer.chat_template is not None
        templates = ["own", "none"] if has_own else ["none"]
    results: list[Played] = []
    with interruptible() as interrupt:
        for template in templates:
            speaking = answerer
            if isinstance(answerer, LocalModel) and arguments.template is None:
                speaking = answerer.with_template(template)
            played = play(
                conversation,
                speaking,
                settings,
                template=template,
                further=arguments.turns,
                interrupt=interrupt,
            )
            results.append(played)
            if arguments.format == "table":
                print(f"\n{conversation.name}, {played.model}, template: {template}")
                print(played)
    rows = [
        {
            "template": one.template,
            "lines_played": sum(line.generation is not None for line in one.lines),
            "consistency": one.consistency,
            "stopped": sum(bool(line.generation and line.generation.stopped) for line in one.lines),
            "ended_early": one.error,
        }
        for one in results
    ]
    whole = [one.to_dict() for one in results]
    print_table(rows, arguments.format, title="Persona consistency", value=whole)
    return 1 if any(one.error for one in results) else 0


class _Terminal:
    """A chat with a person who types."""

    def __init__(self, chat: "Chat", device: str) -> None:
        self.chat = chat
        self.device = device
        self.answerer = self._open(chat)

    def talk(self, *, save: Path | None) -> int:
        """Read lines and answer them until the input ends."""
        from tunelab.generation.chat import save_chat

        _tell(f"{self.chat.model}; /help lists the commands.")
        try:
            self._converse()
        finally:
            # A second Ctrl-C ends the program, but not what was said.
            if save is not None:
                save_chat(self.chat, save)
                _tell(f"saved in {save}")
        return 0

    def _converse(self) -> None:
        while True:
            try:
                line = input("> " if sys.stdin.isatty() else "").strip()
            except EOFError:
                break
            except KeyboardInterrupt:
                _tell("")
                break
            if line in ("/quit", "/exit"):
                break
            if not line:
                continue
            try:
                if line.startswith("/"):
                    self._command(line)
                else:
                    self._ask(line)
            except TunelabError as error:
                _tell(f"tunelab: {error}")

    def _command(self, line: str) -> None:
        from tunelab.generation.chat import load_chat, save_chat
        from tunelab.registry import unknown

        word, _, rest = line.partition(" ")
        rest = rest.strip()
        chat = self.chat
        if word == "/help":
            _tell(_HELP)
        elif word == "/system":
            self.chat = replace(chat, system=rest, unfinished=None)
        elif word == "/set":
            self._set(rest)
        elif word == "/settings":
            _tell(f"{chat.model}, template {chat.template}, system {chat.system!r}")
            _tell(str(chat.settings))
        elif word == "/history":
            for message in chat.messages:
                print(f"{message['role']}: {message['content']}")
        elif word in ("/model", "/template"):
            changed = replace(chat, unfinished=None)
            changed = (
                replace(changed, model=rest)
                if word == "/model"
                else replace(changed, template=rest)
            )
            self.answerer = self._open(changed)
            self.chat = changed
            _tell(f"{changed.model}, template {changed.template}")
        elif word == "/continue":
            if chat.unfinished is None:
                raise UsageError("there is no answer that was cut.")
            self._answer(chat, begun=chat.unfinished)
        elif word == "/again":
            if not chat.messages:
                raise UsageError("nothing was asked yet.")
            # The seed stays, so that each time has its own and a cut answer continues with it.
            again = replace(chat.settings, seed=chat.settings.seed + 1)
            self._answer(replace(chat, settings=again, unfinished=None))
        elif word == "/clear":
            self.chat = replace(chat, messages=(), unfinished=None)
        elif word == "/save":
            if not rest:
                raise UsageError("name a file: /save FILE.")
            save_chat(chat, Path(rest))
            _tell(f"saved in {rest}")
        elif word == "/load":
            loaded = load_chat(Path(rest))
            if (loaded.model, loaded.template) != (chat.model, chat.template):
                self.answerer = self._open(loaded)
            self.chat = loaded
            _tell(f"{len(loaded.messages)} messages, {loaded.model}")
        else:
            known = [
                word.split()[0] for word in _HELP.replace("  ", "\n").split("\n") if "/" in word
            ]
            raise unknown("command", word, [word for word in known if word.startswith("/")])

    def _set(self, text: str) -> None:
        from dataclasses import asdict

        from tunelab.generation.chat import make_settings
        from tunelab.guards.strict_yaml import apply_overrides

        changed = apply_overrides(asdict(self.chat.settings), [text])
        self.chat = replace(self.chat, settings=make_settings(changed))

    def _ask(self, text: str) -> None:
        asked = self.chat.asked(text)
        self._answer(asked)

    def _answer(self, chat: "Chat", *, begun: Any = None) -> None:
        """Answer, show what comes as it comes, and keep it."""
        from tunelab.generation.chat import reply
        from tunelab.generation.endpoint.errors import EndpointError

        with interruptible() as interrupt:
            done = None
            try:
                for step in reply(
                    chat, self.answerer, interrupt=interrupt, notice=_tell_notice, begun=begun
                ):
                    print(step.text, end="", flush=True)
                    done = step.done or done
            except EndpointError:
                # The server may be back soon; a question that the model cannot take is not kept.
                self.chat = chat
                _tell("\n(the question is kept; /again asks it once more)")
                raise
            print(flush=True)
        if done is not None:
            self.chat = chat.answered(done)
            if done.ending in ("interrupted", "length"):
                why = "interrupted" if done.ending == "interrupted" else "its length is reached"
                _tell(f"({why}; /continue resumes it)")
            elif done.ending == "context":
                _tell("(the context is full)")

    def _open(self, chat: "Chat") -> "Answerer":
        from tunelab.generation.local_model import LocalModel, open_answerer

        current = getattr(self, "answerer", None)
        if isinstance(current, LocalModel) and current.name == chat.model:
            from tunelab.models.loading import load_tokenizer

            fresh = replace(current, tokenizer=load_tokenizer(chat.model))
            return fresh.with_template(chat.template)
        device, dtype = device_and_dtype(self.device)
        return open_answerer(chat.model, template=chat.template, device=device, dtype=dtype)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _tell_notice(text: str) -> None:
    _tell(f"({text})")
