"""When two texts count as the same, and when they look alike."""

import unicodedata
from functools import lru_cache

# Letters that look the same or that keyboards exchange. ك and ی are Arabic and Persian forms of one
# letter; Turkish writes a dotless ı; dashes and the minus sign are one sign to a reader.
_TWINS = str.maketrans(
    {
        "ي": "ی",
        "ى": "ی",
        "ك": "ک",
        "ı": "i",
        **dict.fromkeys("‐‑‒–—―−﹣", "-"),
        **dict.fromkeys("’‘ʼ′", "'"),
        **dict.fromkeys("“”„", '"'),
    }
)
HALF_SPACE = "\u200c"
_EMOJI_JOINER = "\u200d"
# Short vowels of Arabic and the stroke that stretches a word: a reader adds or leaves them.
_VOWEL_SIGNS = {*map(chr, range(0x64B, 0x653)), "\u0670", "\u0640"}

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


def look_alike(text: str) -> str:
    """The form in which labels that a reader could confuse are the same.

    As :func:`identity`, and besides: case, compatibility forms (ｊｏｙ), digits of any script,
    Arabic and Persian letters (ي, ی), Arabic vowel signs, dashes, apostrophes, invisible
    characters and half-spaces do not count.
    """
    folded, _ = fold(identity(text))
    return " ".join(folded.replace(HALF_SPACE, "").split())


def fold(text: str) -> tuple[str, list[int]]:
    """``text`` without what :func:`look_alike` leaves out, half-spaces and blanks kept.

    Also the index in ``text`` that each character came from. ``text`` is to be in NFC.
    """
    if text.isascii():
        return text.lower().translate(_BLANKS), list(range(len(text)))
    parts, positions = [], []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _is_mark(text[end]):
            end += 1
        part = _fold_cluster(text[start:end])
        parts.append(part)
        positions += [start] * len(part)
        start = end
    return "".join(parts), positions


_BLANKS = str.maketrans(dict.fromkeys("\t\n\r\v\f", " "))


def _is_mark(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] == "M"


@lru_cache(maxsize=65536)
def _fold_cluster(cluster: str) -> str:
    """One letter with its marks."""
    composed = unicodedata.normalize("NFKC", cluster).casefold().replace("i\u0307", "i")
    composed = unicodedata.normalize("NFKC", composed).translate(_TWINS)
    return "".join(map(_fold_character, composed))


def _fold_character(character: str) -> str:
    kind = unicodedata.category(character)
    if character.isspace():
        return " "
    if kind == "Nd":
        return str(unicodedata.digit(character))
    hidden = kind == "Cf" and character not in (HALF_SPACE, _EMOJI_JOINER)
    selector = "\ufe00" <= character <= "\ufe0f"
    return "" if hidden or selector or character in _VOWEL_SIGNS else character
