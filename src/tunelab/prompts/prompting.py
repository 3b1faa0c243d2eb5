"""What a model is given to continue from: a text, a conversation, or token ids."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.errors import TunelabError, UsageError
from tunelab.prompts.conversation import Message
from tunelab.prompts.rendering import Piece, render_chat
from tunelab.prompts.tokens import control_tokens, encode_pieces, leading_tokens

Prompt = str | Sequence[int] | Sequence[Message]
ROLES = ("system", "user", "assistant")
# What stands before a line of each role where there is no template.
SPEAKERS: Mapping[str, str] = {"user": "User", "assistant": "Assistant"}


def prompt_pieces(
    tokenizer: Any, prompt: str | Sequence[Message], speakers: Mapping[str, str] = SPEAKERS
) -> list[Piece]:
    """A text as it is, or a conversation by the tokenizer's template, ready for an answer.

    Without a template a conversation is written as a script: the system's text, a line for each
    message that begins with the speaker's name, and the name of who answers.

    Raises:
        UsageError: the conversation is empty, or a message is none.
        RunError: the template cannot render it.
    """
    if isinstance(prompt, str):
        return [Piece(prompt, True)] if prompt else []
    messages = check_messages(prompt)
    if tokenizer.chat_template:
        return render_chat(tokenizer, messages, generation_prompt=True)
    return render_script(messages, speakers)


def prompt_ids(tokenizer: Any, prompt: Prompt, speakers: Mapping[str, str] = SPEAKERS) -> list[int]:
    """Token ids of a prompt. What is written in it can never become a control token.

    Raises:
        UsageError: as :func:`prompt_pieces`.
        RunError: as :func:`prompt_pieces`.
    """
    if not isinstance(prompt, str) and all(isinstance(part, int) for part in prompt):
        return [int(part) for part in prompt if isinstance(part, int)]
    asked: Any = prompt
    pieces = prompt_pieces(tokenizer, asked, speakers)
    ids = encode_pieces(tokenizer, pieces)
    templated = not isinstance(prompt, str) and tokenizer.chat_template
    return ids if templated else leading_tokens(tokenizer) + ids


def render_script(messages: Sequence[Message], speakers: Mapping[str, str]) -> list[Piece]:
    """A conversation as a base model may have read one: names, colons, and lines."""
    pieces = []
    for message in messages:
        if message["role"] == "system":
            pieces += [Piece(message["content"], True), Piece("\n\n", False)]
        else:
            pieces += [
                Piece(f"{speakers[message['role']]}: ", False),
                Piece(message["content"], True),
                Piece("\n", False),
            ]
    return [*pieces, Piece(f"{speakers['assistant']}:", False)]


def check_messages(messages: Any) -> list[Message]:
    """The messages of a conversation, if they are such.

    Raises:
        UsageError: there are none, or one has no known role, or no text.
    """
    listed = list(messages)
    if not listed:
        raise UsageError("the conversation is empty; give at least one message.")
    for number, message in enumerate(listed, start=1):
        if not isinstance(message, Mapping) or message.get("role") not in ROLES:
            raise UsageError(f"message {number} must have a role: {', '.join(ROLES)}.")
        if not isinstance(message.get("content"), str):
            raise UsageError(f"message {number} must have a text as its content.")
    return [{"role": message["role"], "content": message["content"]} for message in listed]


def turn_end(tokenizer: Any) -> tuple[list[int], list[str]]:
    """What the template writes behind an answer: a stop token, or a string where it is none.

    A template of another model may write markers that are no tokens here; then the answer ends
    where the model writes the marker out. Without a template there is neither.
    """
    if not tokenizer.chat_template:
        return [], []

    question, answer = "x", "y"
    try:
        pieces = render_chat(
            tokenizer,
            [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            generation_prompt=False,
        )
    except TunelabError:
        return [], []
    last = max(position for position, piece in enumerate(pieces) if piece.data)
    behind = "".join(piece.text for piece in pieces[last + 1 :]).lstrip()
    controls = control_tokens(tokenizer)
    first = next(
        (name for name in sorted(controls, key=len, reverse=True) if behind.startswith(name)), None
    )
    if first is not None:
        return [controls[first]], []
    marker = re.match(r"<\|?[^<>\s]+\|?>|\[[^\]\s]+\]", behind)
    return [], [marker.group()] if marker else []
