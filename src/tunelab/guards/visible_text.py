"""Characters that nobody sees and that steer what shows them: a terminal, the order of a line."""

import re

# Control characters but the tab and the line feed, the separators of lines and of paragraphs, and
# the marks that turn the direction of a text. The joiners of Persian and emoji stay.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def has_hidden(text: str) -> bool:
    """Whether a text holds such a character."""
    return _HIDDEN.search(text) is not None


def visible(text: str) -> str:
    """``text`` with a replacement character for each of them."""
    return _HIDDEN.sub("\ufffd", text)
