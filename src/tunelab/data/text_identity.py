"""When two texts count as the same."""

import unicodedata


def identity(text: str) -> str:
    """The form in which texts are compared: Unicode NFC, with every run of blanks one space.

    It is empty for a text without a visible character. Case and punctuation still count.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())
