"""What stands in an answer besides the answer: the blocks in which a model reasons first."""

import re
from dataclasses import dataclass

_NAMES = (
    r"think(?:ing)?|thoughts?|thought_process|reasoning|reason|reflection|analysis|scratchpad"
    r"|inner_monologue|(?:begin|end)_of_thought|(?:start|end)_thinking"
)
# <think>, </thinking>, <seed:think>, [THINK], ◁think▷, <|begin_of_thought|>, <|END_THINKING|>
_TAG = re.compile(
    rf"(?P<open><\|?|\[|◁|&lt;)\s{{0,3}}(?P<slash>/)?\s{{0,3}}(?:[a-z]{{1,20}}:)?(?P<name>{_NAMES})"
    r"(?:\s[^<>\[\]\n]{0,80})?\s{0,3}(?:\|?>|\]|▷|&gt;)",
    re.IGNORECASE,
)
# GPT-OSS ("harmony"): <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final…
_CHANNEL = re.compile(
    r"<\|channel\|>\s{0,3}(?P<name>\w{1,40})[^<>|]{0,80}(?:<\|constrain\|>[^<>|]{0,40})?<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same, its control tokens left out on decoding.
_BARE_FINAL = re.compile(r"assistant\s{0,3}final\s{0,3}(?=\S)")
_BARE_ANALYSIS = re.compile(r"^\s*(?:assistant\s*)?(?:analysis|commentary)(?=[A-Z\"'“])")
_ANSWER_TAG = re.compile(
    r"<\|?\s{0,3}(?P<name>answer|final_answer|final|output|response|label|solution"
    r"|begin_of_solution|start_response)\s{0,3}\|?>",
    re.IGNORECASE,
)
_ANSWER_END = re.compile(
    r"<\|?\s{0,3}(?:/\s{0,3}(?:answer|final_answer|final|output|response|label|solution)"
    r"|end_of_solution|end_response)\s{0,3}\|?>",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Said:
    """``text`` is what an answer says outside its reasoning.

    ``unfinished``: the answer ends within its reasoning, so that nothing was answered yet.
    ``marked``: the text stood between tags that mark an answer.
    """

    text: str
    unfinished: bool = False
    marked: bool = False


def is_marker(token: str) -> bool:
    """Whether a token's string begins or ends reasoning, or an answer after it."""
    return bool(
        _TAG.fullmatch(token)
        or _ANSWER_TAG.fullmatch(token)
        or _ANSWER_END.fullmatch(token)
        or token in ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
    )


def said(answer: str) -> Said:
    """An answer without what a model reasoned before it.

    An end of reasoning without a beginning ends what came before it, since some templates write
    the beginning into the prompt.
    """
    if "<|channel|>" in answer:
        return _final_channel(answer)
    if finals := list(_BARE_FINAL.finditer(answer)):
        return Said(answer[finals[-1].end() :])
    if _BARE_ANALYSIS.match(answer):
        return Said("", unfinished=True)
    outside, opened = _outside_blocks(answer)
    if opened:
        return Said(outside, unfinished=True)
    if marks := list(_ANSWER_TAG.finditer(outside)):
        rest = outside[marks[-1].end() :]
        ended = _ANSWER_END.search(rest)
        return Said(rest[: ended.start()] if ended else rest, marked=True)
    return Said(_ANSWER_END.sub(" ", outside))


def opens_block(text: str) -> bool:
    """Whether a text ends within reasoning."""
    return _outside_blocks(text)[1]


def is_empty_block(text: str) -> bool:
    """Whether a text is one block without any reasoning in it, and blanks."""
    tags = list(_TAG.finditer(text))
    return (
        len(tags) == 2
        and not _closes(tags[0])
        and _closes(tags[1])
        and not _TAG.sub("", text).strip()
    )


def _outside_blocks(answer: str) -> tuple[str, bool]:
    parts: list[str] = []
    position, opened = 0, False
    for tag in _TAG.finditer(answer):
        if _closes(tag):
            if not opened:
                parts.clear()
            opened, position = False, tag.end()
        elif not opened:
            parts.append(answer[position : tag.start()])
            opened, position = True, tag.end()
    if not opened:
        parts.append(answer[position:])
    return "\n".join(parts), opened


def _closes(tag: re.Match[str]) -> bool:
    return tag["slash"] is not None or tag["name"].lower().startswith("end_")


def _final_channel(answer: str) -> Said:
    finals = [match for match in _CHANNEL.finditer(answer) if match["name"] == "final"]
    if not finals:
        return Said("", unfinished=True)
    rest = answer[finals[-1].end() :]
    ended = _CHANNEL_END.search(rest)
    return Said(rest[: ended.start()] if ended else rest)
