"""Random strings on which two tokenizers must agree: every script, and what is rare in text."""

import random
from collections.abc import Sequence

# First and last code point + 1 of blocks, so that every script has its strings.
_BLOCKS = (
    (0x0000, 0x0080),
    (0x00A0, 0x0250),
    (0x0250, 0x0370),
    (0x0370, 0x0400),
    (0x0400, 0x0530),
    (0x0531, 0x0590),
    (0x0591, 0x05F5),
    (0x0600, 0x0700),
    (0x0700, 0x07C0),
    (0x08A0, 0x0900),
    (0x0900, 0x0980),
    (0x0980, 0x0A80),
    (0x0A80, 0x0C00),
    (0x0C00, 0x0E00),
    (0x0E00, 0x0F00),
    (0x0F00, 0x1000),
    (0x1000, 0x10A0),
    (0x10A0, 0x1100),
    (0x1100, 0x1200),
    (0x1200, 0x1400),
    (0x1400, 0x1680),
    (0x1780, 0x18B0),
    (0x1E00, 0x2000),
    (0x2000, 0x2070),
    (0x2070, 0x2300),
    (0x2300, 0x2C00),
    (0x2C60, 0x2E00),
    (0x3000, 0x3100),
    (0x3130, 0x3400),
    (0x4E00, 0xA000),
    (0xAC00, 0xD7A4),
    (0xE000, 0xE100),
    (0xF900, 0xFB00),
    (0xFB50, 0x10000),
    (0x10300, 0x103E0),
    (0x12000, 0x12400),
    (0x1D400, 0x1D800),
    (0x1F000, 0x1FB00),
    (0x20000, 0x20400),
    (0xE0000, 0xE0200),
)
_SPACES = (" ", "  ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u2003", "\u2028", "\u3000", "\x0b")
_JOINERS = (
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\ufe0f",
    "\u0301",
    "\u064b",
    "\u0308",
)
_CONTROLS = ("\x00", "\x01", "\x07", "\x08", "\x1b", "\x1f", "\x7f", "\x85", "\u200e", "\u202b")
_EMOJI = (
    "\U0001f600",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44d\U0001f3fd",
    "\U0001f1ee\U0001f1f7",
    "\u2764\ufe0f",
    "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e007f",
)
_WORDS = (
    "the",
    "Hello",
    "it's",
    "WE'LL",
    "don\u2019t",
    "tokenizer",
    "naïve",
    "Straße",
    "İstanbul",
    "سلام",
    "می\u200cروند",
    "کتاب\u200cهایشان",
    "كتابي",
    "هٔ",
    "मैं",
    "क्षि",
    "你好",
    "日本語",
    "한국어",
    "русский",
    "ไทย",
    "12345",
    "۱۴۰۳",
    "٢٠٢٤",
    "3.14",
    "e-mail",
    "a_b",
    "https://example.org/?q=1",
    "<s>",
    "</s>",
    "[SEP]",
    "<0x0A>",
    "▁",
    "##ing",
    "{}[]();",
    "...",
    "!!\n",
)
_FIXED = (
    "",
    " ",
    "  ",
    "\n",
    "\r\n\r\n",
    "\t \t",
    "\u200c",
    "\u200d",
    "\u0301",
    "\x00",
    "What is 2 plus 2?",
    "a" * 5000,
    "ab" * 3000,
    "م" * 3000,
    "آ\u200c" * 1500,
    " " * 3000,
    "\n" * 3000,
    "=" * 2000,
    "\U0001f600" * 800,
)


def draw(count: int, *, seed: int) -> list[str]:
    """Strings without lone surrogates, the first of them fixed: empty, spaces, very long words.

    The rest are runs of one script, of all of Unicode, of words in many languages, and of one
    repeated character, mixed with spaces, joiners, control characters and emoji.
    """
    rng = random.Random(seed)  # noqa: S311 - strings to test with, no secret
    makers = (_one_script, _any_character, _words, _words, _repeated)
    drawn = [rng.choice(makers)(rng) for _ in range(max(0, count - len(_FIXED)))]
    return [*_FIXED, *drawn][:count]


def _one_script(rng: random.Random) -> str:
    first, last = rng.choice(_BLOCKS)
    rare = (_SPACES, _JOINERS, _CONTROLS, _EMOJI)

    def part() -> str:
        if rng.random() < 0.78:
            return chr(rng.randrange(first, last))
        return " " if rng.random() < 0.5 else _pick(rng, rng.choice(rare))

    return "".join(part() for _ in range(rng.randrange(1, 60)))


def _any_character(rng: random.Random) -> str:
    def character() -> str:
        number = rng.randrange(0x110000 - 0x800)
        return chr(number if number < 0xD800 else number + 0x800)

    return "".join(character() for _ in range(rng.randrange(1, 24)))


def _words(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.randrange(1, 25)):
        parts.append(_pick(rng, _WORDS if rng.random() < 0.9 else _EMOJI))
        if rng.random() < 0.75:
            parts.append(" " if rng.random() < 0.8 else _pick(rng, _SPACES))
        if rng.random() < 0.08:
            parts.append(_pick(rng, _JOINERS if rng.random() < 0.6 else _CONTROLS))
    return "".join(parts)


def _repeated(rng: random.Random) -> str:
    unit = _pick(rng, (_SPACES, _JOINERS, _EMOJI, _WORDS, "aeht-=_.!?/", "اهمی")[rng.randrange(6)])
    ends = ("", " x", "y", "\n", " ")
    return rng.choice(ends) + unit * rng.randrange(1, 130) + rng.choice(ends)


def _pick(rng: random.Random, parts: Sequence[str]) -> str:
    return parts[rng.randrange(len(parts))]
