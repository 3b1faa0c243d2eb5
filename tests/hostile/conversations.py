"""Conversation files, files of prompts, saved chats, and the messages of a conversation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Case, harmless, refused
from tunelab.evaluation.parsing.answers import parse_answer
from tunelab.generation.chat import load_chat
from tunelab.generation.conversation_file import read_conversation
from tunelab.generation.open_prompts import OpenPrompt, read_prompts
from tunelab.prompts.prompting import check_messages

_SPEAKERS = "speakers: [{name: A}, {name: B}]\n"
_TURNS = "turns: [{speaker: A, text: hi}]\n"


def _played(content: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        (folder / "a.yaml").write_text(content, encoding="utf-8")
        return read_conversation(str(folder / "a.yaml"))

    return give


def _prompts(content: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        (folder / "a.yaml").write_text(content, encoding="utf-8")
        return [prompt.right("a" * 40 + "b") for prompt in read_prompts(str(folder / "a.yaml"))]

    return give


def _chat(content: str | None = None, **changes: Any) -> Callable[[Path], Any]:
    values = {
        "version": 1,
        "model": "m",
        "template": "own",
        "system": "",
        "messages": [],
        "settings": {},
        "unfinished": None,
        **changes,
    }

    def give(folder: Path) -> Any:
        (folder / "chat.json").write_text(json.dumps(values) if content is None else content)
        return load_chat(folder / "chat.json")

    return give


def _messages(*messages: Any) -> Callable[[Path], Any]:
    return lambda _: check_messages(messages)


def _answer(answer: str, *labels: str) -> Callable[[Path], Any]:
    return lambda _: parse_answer(answer, labels or ("joy", "fear")).label


CASES: list[Case] = [
    refused("an anchor", "anchors are not read", _played("a: &a [1]\n" + _SPEAKERS + _TURNS)),
    refused("a tag", "tag", _played("name: !!python/name:os.system\n")),
    refused(
        "an unknown speaker",
        "not one of its speakers",
        _played(_SPEAKERS + "turns: [{speaker: C}]\n"),
    ),
    refused(
        "an unknown role", "unknown key", _played(_SPEAKERS + "turns: [{role: tool, text: x}]\n")
    ),
    refused(
        "two speakers alike",
        "two speakers the same name",
        _played("speakers: [{name: A}, {name: a}]\n" + _TURNS),
    ),
    refused("one speaker", "at least 2", _played("speakers: [{name: A}]\n" + _TURNS)),
    refused(
        "1,000 speakers",
        "at most 100",
        _played("speakers: [" + ",".join(f"{{name: s{n}}}" for n in range(1_000)) + "]\n" + _TURNS),
    ),
    refused(
        "a billion further turns",
        "less than or equal",
        _played(_SPEAKERS + _TURNS + "further: 1000000000\n"),
    ),
    refused(
        "fewer than no further turns",
        "greater than or equal",
        _played(_SPEAKERS + _TURNS + "further: -1\n"),
    ),
    refused(
        "11,000 turns",
        "more than 30,000 keys and values",
        _played(_SPEAKERS + "turns: [" + "{speaker: A}," * 11_000 + "]\n"),
    ),
    refused(
        "a million turns",
        "larger than 2 MB",
        _played(_SPEAKERS + "turns: [" + "{speaker: A}," * 1_000_000 + "]\n"),
    ),
    refused(
        "a text that is a list",
        "must be a text",
        _played(_SPEAKERS + "turns: [{speaker: A, text: [x]}]\n"),
    ),
    refused(
        "a name of 1,000 letters",
        "at most 100",
        _played(f"speakers: [{{name: {'A' * 1000}}}, {{name: B}}]\n" + _TURNS),
    ),
    refused(
        "the next as a text", "alternate, or a list", _played(_SPEAKERS + _TURNS + "next: x\n")
    ),
    refused("no one next", "alternate, or a list", _played(_SPEAKERS + _TURNS + "next: []\n")),
    refused("a device", "unknown conversation", lambda _: read_conversation("/dev/zero")),
    refused(
        "a file of another kind", "unknown conversation", lambda _: read_conversation("/etc/passwd")
    ),
    harmless(
        "a template in a persona is a text",
        lambda one: one.persona("A") == "{{ 1 }}<|im_end|>",
        _played("speakers: [{name: A, persona: '{{ 1 }}<|im_end|>'}, {name: B}]\n" + _TURNS),
    ),
    refused(
        "a rule that runs away",
        "takes too long",
        _prompts("prompts: [{id: a, text: b, matches: '(a|aa)+c'}]\n"),
    ),
    refused(
        "a rule to avoid that runs away",
        "takes too long",
        _prompts("prompts: [{id: a, text: b, avoids: '(a|aa)+$'}]\n"),
    ),
    refused(
        "a rule that is none",
        "prompt 1 must have",
        _prompts("prompts: [{id: a, text: b, matches: '('}]\n"),
    ),
    refused(
        "a rule that is a list",
        "prompt 1 must have",
        _prompts("prompts: [{id: a, text: b, matches: [a]}]\n"),
    ),
    refused(
        "a text that is a number", "prompt 1 must have", _prompts("prompts: [{id: a, text: 1}]\n")
    ),
    refused("a prompt that is a word", "prompt 1 must have", _prompts("prompts: [a]\n")),
    refused(
        "a prompt with another key",
        "prompt 1 must have",
        _prompts("prompts: [{id: a, text: b, __class__: c}]\n"),
    ),
    refused("prompts that are keys", "list of prompts", _prompts("prompts: {a: b}\n")),
    refused(
        "two prompts of one id",
        "two prompts",
        _prompts("prompts: [{id: a, text: b}, {id: a, text: c}]\n"),
    ),
    refused(
        "a rule of a record that runs away",
        "takes too long",
        lambda _: OpenPrompt("a", "b", avoids="(a|aa)+$").right("a" * 60 + "b"),
    ),
    refused(
        "a name of 5,000 letters",
        "no conversation file",
        lambda _: read_conversation("a" * 5_000 + ".yaml"),
    ),
    refused(
        "prompts of 5,000 letters",
        "no file of prompts",
        lambda _: read_prompts("a" * 5_000 + ".yaml"),
    ),
    refused("prompts of a device", "not a regular file", lambda _: read_prompts("/dev/zero")),
    refused("prompts of a folder", "not a regular file", lambda folder: read_prompts(str(folder))),
    refused("a chat that is no JSON", "damaged", _chat("{")),
    refused("a deep chat", "damaged", _chat("[" * 100_000)),
    refused("a chat of another version", "no chat that this", _chat(version=99)),
    refused("a chat that is a list", "no chat that this", _chat("[]")),
    refused(
        "a chat of unknown roles",
        "must have a role",
        _chat(messages=[{"role": "tool", "content": "x"}]),
    ),
    refused("a chat whose messages are numbers", "must have a role|damaged", _chat(messages=[1])),
    refused("a chat with a number for its messages", "damaged", _chat(messages=7)),
    refused("a chat with unknown settings", "unknown setting", _chat(settings={"__class__": 1})),
    refused("a chat with settings that are a list", "damaged|unknown setting", _chat(settings=[1])),
    refused(
        "a chat with an endless temperature",
        "temperature must be",
        _chat(settings={"temperature": float("inf")}),
    ),
    refused("a chat without an answer's tokens", "damaged", _chat(unfinished={"text": "x"})),
    refused("a chat whose answer is a text", "damaged", _chat(unfinished="x")),
    refused(
        "a message of an unknown role",
        "must have a role",
        _messages({"role": "developer", "content": "x"}),
    ),
    refused(
        "a message without a text",
        "must have a text",
        _messages({"role": "user", "content": [{"type": "image"}]}),
    ),
    refused("a message that is a text", "must have a role", _messages("hello")),
    refused("no message", "is empty", _messages()),
    harmless(
        "an answer of ten million letters", lambda label: label is None, _answer("not " * 2_500_000)
    ),
    harmless(
        "an answer of blanks", lambda label: label is None, _answer("not" + " " * 1_000_000 + "x")
    ),
    harmless(
        "an answer of quotation marks",
        lambda label: label is None,
        _answer("not '_a" + "'_a" * 300_000),
    ),
    harmless("an answer of apostrophes", lambda label: label is None, _answer("n't" * 300_000)),
    harmless(
        "an answer of denials", lambda label: label == "joy", _answer("joy is not fear, " * 100_000)
    ),
    harmless("an answer in HTML", lambda label: label == "joy", _answer("<script>joy</script>")),
    harmless(
        "labels that are patterns",
        lambda label: label == "(a+)+$",
        _answer("(a+)+$", "(a+)+$", ".*"),
    ),
    harmless(
        "labels that are templates",
        lambda label: label == "{{ 1 }}",
        _answer("it is {{ 1 }}", "{{ 1 }}", "b"),
    ),
    harmless("half a character in an answer", lambda label: label == "joy", _answer("\ud800 joy")),
]
