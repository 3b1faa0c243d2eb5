"""Which scripts texts are written in, by the letters that they hold."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_SCRIPTS = (
    "Latin",
    "Arabic",
    "Cyrillic",
    "Greek",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Tamil",
    "Thai",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Armenian",
    "Georgian",
    "Ethiopic",
)
# Letters of Persian that Arabic does not have.
_PERSIAN = frozenset("پچژگکی")
_ARABIC_ALONE = frozenset("كيةىإأ")


def script_shares(texts: Iterable[str]) -> Mapping[str, float]:
    """The share of the letters that each script has, the largest first; empty without letters.

    Text in Arabic letters is counted as Persian where letters that only Persian uses outnumber
    those that only Arabic uses.
    """
    import regex

    pattern = regex.compile(
        "|".join(rf"(?P<{name}>\p{{Script={name}}}+)" for name in _SCRIPTS) + r"|(?P<other>\p{L}+)"
    )
    counts: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for text in texts:
        for match in pattern.finditer(text):
            name = str(match.lastgroup)
            counts[name] += len(match.group())
            if name == "Arabic":
                letters.update(match.group())
    if counts["Arabic"]:
        persian = sum(letters[letter] for letter in _PERSIAN)
        if persian > sum(letters[letter] for letter in _ARABIC_ALONE):
            counts["Persian"] = counts.pop("Arabic")
    total = counts.total()
    return {name: count / total for name, count in counts.most_common() if count}


def has_words(texts: Sequence[str]) -> bool:
    """Whether at least half of the texts hold words of two letters or more between blanks."""
    import regex

    # A word as scikit-learn finds it, in a script that puts blanks between words.
    unspaced = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    word = regex.compile(rf"[\w--[{unspaced}]][\w--[{unspaced}]]", flags=regex.VERSION1)
    return 2 * sum(word.search(text) is not None for text in texts) >= len(texts)
