"""Texts for a server that tokenizes by itself: template markers in them are broken up.

What a server makes of ``<|im_end|>`` in a message cannot be seen from here; most of them read it
as the control token. A zero-width space behind its first character keeps it readable as text.
"""

import re

_MARKERS = re.compile(
    r"<(?=\|[^<>|\n]{1,60}\|>)"
    r"|<(?=｜[^<>｜\n]{1,60}｜>)"
    r"|<(?=/?(?:s|pad|unk|bos|eos|cls|sep|mask|think|reponame|filename|unused[0-9]+)>)"
    # <start_of_turn>, <file_sep>, <tool_call>, <BOS_TOKEN>, <extra_id_1>
    r"|<(?=/?[A-Za-z]+(?:_[A-Za-z0-9]+){1,8}>)"
    r"|<(?=</?SYS>>)"
    r"|\[(?=/?[A-Z]{2,}(?:_[A-Z]+)*\])",
)
_BREAK = "\u200b"


def break_markers(text: str) -> tuple[str, int]:
    """The text with its markers broken up, and how many there were."""
    return _MARKERS.subn(lambda match: match.group() + _BREAK, text)
