"""What stands between a template's question and the label: the same in training and in asking."""

import re
from collections.abc import Sequence

from tunelab.errors import RunError
from tunelab.prompts.reasoning_tags import is_empty_block, last_opening, opens_block
from tunelab.prompts.rendering import Piece


def answer_start(question: Sequence[Piece], row: Sequence[Piece]) -> str | None:
    """What the prompt writes behind ``question``, or None where ``row`` continues from it as it is.

    ``question`` is a conversation that asks, ``row`` the same with its answer, as the template
    renders both. Some templates write an empty block of reasoning before the last answer only
    (Qwen3), or a channel's name (GPT-OSS): that belongs to the prompt. Others begin a block of
    reasoning when they ask and leave it out of the answer (DeepSeek-R1): the block is closed
    without a word in it. In both cases a label follows at once, in training and in asking.

    Raises:
        RunError: the template begins an answer otherwise than its question ends.
    """
    asked = "".join(piece.text for piece in question)
    last = max((position for position, piece in enumerate(row) if piece.data), default=0)
    header = "".join(piece.text for piece in row[:last])
    if header.startswith(asked):
        rest = header[len(asked) :]
        # Blanks alone stay with the label: many tokenizers have a token for both.
        return rest.rstrip(" ") if rest.strip() else None
    pairs = enumerate(zip(asked, header, strict=False))
    same = next((position for position, (one, other) in pairs if one != other), None)
    common = asked[: min(len(asked), len(header)) if same is None else same]
    if opens_block(common):
        common = common[: last_opening(common)]
    more, instead = asked[len(common) :], header[len(common) :]
    if not instead.strip() or is_empty_block(instead):
        if is_empty_block(more):
            return ""
        if opens_block(more):
            return _closed(more)
    raise RunError(
        "the prompt that asks differs from the prompt in training: this chat template writes an "
        f"answer after {header[len(common) :][-60:]!r} and ends its question with "
        f"{asked[len(common) :][-60:]!r}; use prompt.style=plain."
    )


def _closed(opened: str) -> str:
    """What closes a block of reasoning that ``opened`` began, without a word in it."""
    tag = opened[last_opening(opened) :].strip()
    closing = re.sub(r"^([<\[◁]\|?)", r"\1/", tag)
    for begin, end in (("START", "END"), ("begin", "end")):
        if begin in tag:
            closing = tag.replace(begin, end)
    lines = "\n" if opened.endswith("\n") else "\n\n"
    return f"{lines}{closing}\n\n"
