"""When two texts count as the same."""

import unicodedata

# Control and format characters, unassigned ones, and blanks: nobody sees them.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


def identity(text: str) -> str:
    """The form in which texts are compared: Unicode NFC, with every run of blanks one space.

    It is empty for a text without a visible character. Case and punctuation still count.
    """
    found = " ".join(unicodedata.normalize("NFC", text).split())
    if not found.isascii() and all(unicodedata.category(sign) in _UNSEEN for sign in found):
        return ""
    return found
