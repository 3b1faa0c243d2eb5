"""From a conversation to text, knowing which characters are data and which are the template's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.errors import RunError
from tunelab.prompts.conversation import PLAIN_ANSWER, PLAIN_TEMPLATE, Message, PromptFormat
from tunelab.prompts.own_template import own_template

# Some templates write today's date into the prompt (Llama 3 does). A prompt must be the same on
# every day, so all of them get this one: the date that Llama 3's template falls back to.
FIXED_DATE = "26 Jul 2024"

_MARK = "\ue000{}\ue001"
_MARKS = re.compile("\ue000([0-9]{1,9})\ue001")


@dataclass(frozen=True)
class Piece:
    """A stretch of rendered text. ``data`` is true for text that came from the rows."""

    text: str
    data: bool


def render_chat(
    tokenizer: Any,
    messages: Sequence[Message],
    *,
    generation_prompt: bool,
    reasoning: bool = True,
) -> list[Piece]:
    """Render with the tokenizer's own chat template.

    The text is that of ``apply_chat_template``. A second rendering, with marks in place of the
    contents, tells the template's characters from the data's. Where a template has no place for
    a system message, the message is put before the user's first one. Without ``reasoning`` the
    template is asked for no reasoning, by the names that templates have for it.

    Raises:
        RunError: the template refuses the conversation, changes the contents, or runs away.
    """
    from jinja2 import TemplateError

    marked = [
        {"role": message["role"], "content": _MARK.format(number)}
        for number, message in enumerate(messages)
    ]
    try:
        skeleton = _apply(tokenizer, marked, generation_prompt, reasoning)
        kept = {int(number) for number in _MARKS.findall(skeleton)}
        reason = _left_out(messages, kept)
    except TemplateError as error:
        reason, kept = str(error), set()
    if kept != set(range(len(messages))):
        if messages[0]["role"] != "system" or len(messages) < 2:
            raise RunError(
                f"the chat template cannot render this conversation ({reason[:80].strip()!r}); "
                "use prompt.style=plain."
            )
        first = messages[1]
        merged = {**first, "content": f"{messages[0]['content']}\n\n{first['content']}"}
        return render_chat(
            tokenizer,
            [merged, *messages[2:]],
            generation_prompt=generation_prompt,
            reasoning=reasoning,
        )
    try:
        text = _apply(tokenizer, messages, generation_prompt, reasoning)
    except TemplateError as error:
        raise RunError(
            f"the chat template cannot render this conversation ({str(error)[:80].strip()!r}); "
            "use prompt.style=plain."
        ) from None
    return _split_pieces(text, skeleton, messages)


def _left_out(messages: Sequence[Message], kept: set[int]) -> str:
    """Which messages do not stand in what a template writes."""
    missing = [message["role"] for number, message in enumerate(messages) if number not in kept]
    return f"it leaves out the text of {' and '.join(dict.fromkeys(missing))}"


def render_plain(format: PromptFormat, text: str, label: str | None) -> list[Piece]:
    """Render for a base model: instruction, text and the word before the answer."""
    start, question = PLAIN_TEMPLATE.split("{system}", 1)
    before, after = question.split("{text}", 1)
    pieces = [Piece(start + format.system, False)]
    for shot, answer in (*format.shots, (text, label)):
        pieces += [Piece(before, False), Piece(shot, True), Piece(after, False)]
        if answer is not None:
            pieces.append(Piece(PLAIN_ANSWER.replace("{label}", answer), True))
    if not pieces[0].text:
        pieces = [Piece(pieces[1].text.lstrip("\n"), False), *pieces[2:]]
    return pieces


# What templates call the switch of a model's reasoning: Qwen3, SmolLM3 and GLM the first, DeepSeek,
# Granite and Kimi the second.
_NO_REASONING = {"enable_thinking": False, "thinking": False}


def _apply(
    tokenizer: Any, messages: Sequence[Message], generation_prompt: bool, reasoning: bool
) -> str:
    return apply_template(
        tokenizer,
        messages,
        _undated(own_template(tokenizer) or ""),
        generation_prompt=generation_prompt,
        date_string=FIXED_DATE,
        **({} if reasoning else _NO_REASONING),
    )


def apply_template(
    tokenizer: Any,
    messages: Sequence[Message],
    template: str,
    *,
    generation_prompt: bool,
    **more: Any,
) -> str:
    """What ``apply_chat_template`` of transformers gives, in bounded time and size.

    Raises:
        jinja2.TemplateError: the template refuses the conversation, or has a fault.
        RunError: it runs too long or makes too much.
    """
    # Not at the top: what needs no template needs no Jinja either.
    from tunelab.prompts.bounded_template import render_template

    values = {
        **tokenizer.special_tokens_map,
        **more,
        "messages": [dict(message) for message in messages],
        "tools": None,
        "documents": None,
        "add_generation_prompt": generation_prompt,
    }
    return render_template(template, values)


def _undated(template: str) -> str:
    """The template with its clock stopped: a macro hides the function that tells the date."""
    if "strftime_now" not in template:
        return template
    return f"{{%- macro strftime_now(format) -%}}{FIXED_DATE}{{%- endmacro -%}}{template}"


def _split_pieces(text: str, skeleton: str, messages: Sequence[Message]) -> list[Piece]:
    """Cut ``text`` into the skeleton's literals and the contents, trimmed as the template did."""
    parts = _MARKS.split(skeleton)
    literals, numbers = parts[0::2], [int(number) for number in parts[1::2]]
    for trim in (str, str.strip, str.rstrip, str.lstrip):
        contents = [trim(messages[number]["content"]) for number in numbers]
        pieces = [Piece(literals[0], False)]
        for content, literal in zip(contents, literals[1:], strict=True):
            pieces += [Piece(content, True), Piece(literal, False)]
        if "".join(piece.text for piece in pieces) == text:
            return [piece for piece in pieces if piece.text]
    return _split_mixed(text, literals, [messages[number]["content"] for number in numbers])


def _split_mixed(text: str, literals: list[str], contents: list[str]) -> list[Piece]:
    """As :func:`_split_pieces`, for templates that trim some roles and not others."""
    pieces = [Piece(literals[0], False)]
    position = len(literals[0])
    for content, literal in zip(contents, literals[1:], strict=True):
        for candidate in dict.fromkeys((content, content.strip(), content.rstrip())):
            if text.startswith(candidate + literal, position):
                pieces += [Piece(candidate, True), Piece(literal, False)]
                position += len(candidate) + len(literal)
                break
        else:
            raise RunError(
                "the chat template rewrites the text that it is given; use prompt.style=plain."
            )
    if position != len(text) or not text.startswith(literals[0]):
        raise RunError(
            "the chat template rewrites the text that it is given; use prompt.style=plain."
        )
    return [piece for piece in pieces if piece.text]
