"""What is in an answer besides the answer: the blocks in which a model reasons first."""

import re
from dataclasses import dataclass

from tunelab.prompts.reasoning_tags import TAG, outside_blocks

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
class FinalAnswer:
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
        TAG.fullmatch(token)
        or _ANSWER_TAG.fullmatch(token)
        or _ANSWER_END.fullmatch(token)
        or token in ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
    )


def final_answer(answer: str) -> FinalAnswer:
    """An answer without what a model reasoned before it.

    An end of reasoning without a beginning ends what came before it, since some templates write
    the beginning into the prompt.
    """
    if "<|channel|>" in answer:
        return _final_channel(answer)
    if finals := list(_BARE_FINAL.finditer(answer)):
        return FinalAnswer(answer[finals[-1].end() :])
    if _BARE_ANALYSIS.match(answer):
        return FinalAnswer("", unfinished=True)
    outside, opened = outside_blocks(answer)
    if opened:
        return FinalAnswer(outside, unfinished=True)
    if marks := list(_ANSWER_TAG.finditer(outside)):
        rest = outside[marks[-1].end() :]
        ended = _ANSWER_END.search(rest)
        return FinalAnswer(rest[: ended.start()] if ended else rest, marked=True)
    return FinalAnswer(_ANSWER_END.sub(" ", outside))


def _final_channel(answer: str) -> FinalAnswer:
    finals = [match for match in _CHANNEL.finditer(answer) if match["name"] == "final"]
    if not finals:
        return FinalAnswer("", unfinished=True)
    rest = answer[finals[-1].end() :]
    ended = _CHANNEL_END.search(rest)
    return FinalAnswer(rest[: ended.start()] if ended else rest)
