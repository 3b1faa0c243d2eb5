"""The tags between which models reason before they answer: <think>, [THINK], and others."""

import re

_NAMES = (
    r"think(?:ing)?|thoughts?|thought_process|reasoning|reason|reflection|analysis|scratchpad"
    r"|inner_monologue|(?:begin|end)_of_thought|(?:start|end)_thinking"
)
# <think>, </thinking>, <seed:think>, [THINK], ◁think▷, <|begin_of_thought|>, <|END_THINKING|>
TAG = re.compile(
    rf"(?P<open><\|?|\[|◁|&lt;)\s{{0,3}}(?P<slash>/)?\s{{0,3}}(?:[a-z]{{1,20}}:)?(?P<name>{_NAMES})"
    r"(?:\s[^<>\[\]\n]{0,80})?\s{0,3}(?:\|?>|\]|▷|&gt;)",
    re.IGNORECASE,
)


def outside_blocks(text: str) -> tuple[str, bool]:
    """The text without its blocks of reasoning, and whether it ends within one.

    An end without a beginning ends what came before it.
    """
    parts: list[str] = []
    position, opened = 0, False
    for tag in TAG.finditer(text):
        if _closes(tag):
            if not opened:
                parts.clear()
            opened, position = False, tag.end()
        elif not opened:
            parts.append(text[position : tag.start()])
            opened, position = True, tag.end()
    if not opened:
        parts.append(text[position:])
    return "\n".join(parts), opened


def opens_block(text: str) -> bool:
    """Whether a text ends within a block."""
    return outside_blocks(text)[1]


def last_opening(text: str) -> int:
    """Where the last beginning of a block stands, or the length of the text."""
    return max((tag.start() for tag in TAG.finditer(text) if not _closes(tag)), default=len(text))


def is_empty_block(text: str) -> bool:
    """Whether a text is one block with nothing in it, and blanks around it."""
    tags = list(TAG.finditer(text))
    return (
        len(tags) == 2
        and not _closes(tags[0])
        and _closes(tags[1])
        and not TAG.sub("", text).strip()
    )


def _closes(tag: re.Match[str]) -> bool:
    return tag["slash"] is not None or tag["name"].lower().startswith("end_")
