"""Texts and labels in one form, made once, when they are loaded.

Of texts and labels alike:

- letters and their accents are composed (Unicode NFC): "e" with a combining accent becomes "é";
- no-break blanks (U+00A0, U+2007, U+202F) become a blank;
- a zero-width space (U+200B), a word joiner (U+2060) and a byte order mark (U+FEFF) go;
- blanks at both ends go.

Of labels also: a run of blanks becomes one blank, and soft hyphens (U+00AD) and the marks of a
direction (U+200E, U+200F, U+061C) go. Nothing else changes. The zero-width non-joiner and joiner
stay, since they carry meaning in Persian and in emoji. Case, digits and the letters ی and ي stay
apart.
"""

import re
import unicodedata

_NO_BREAK = re.compile("[\u00a0\u2007\u202f]")
_UNSEEN = re.compile("[\u200b\u2060\ufeff]")
_UNSEEN_IN_LABELS = re.compile("[\u00ad\u200e\u200f\u061c]")


def normal_text(text: str) -> str:
    """A text as it is trained on and asked."""
    if not text.isascii():
        text = _UNSEEN.sub("", _NO_BREAK.sub(" ", unicodedata.normalize("NFC", text)))
    return text.strip()


def normal_label(label: str) -> str:
    """A label as it is trained and scored."""
    text = normal_text(label)
    if not text.isascii():
        text = _UNSEEN_IN_LABELS.sub("", text)
    # Line breaks are no blanks here: a label of two lines is refused, not joined.
    return re.sub(r"[^\S\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+", " ", text).strip()
