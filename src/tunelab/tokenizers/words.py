"""Words and sentences of a text, without a dictionary."""

import re
import unicodedata

_RUN = re.compile(r"\S+")
# Behind these a sentence ends; the white space that follows belongs to the next one, as most
# tokenizers keep a space with the word behind it.
_SENTENCE_END = re.compile(r"(?<=[.!?…؟۔।])[\"'”’»)\]]*(?=\s)|(?<=[。！？])[”’」』]*(?=.)|(?=\n)")
# Scripts that put no space between words: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = (
    (0x0E00, 0x0F00),
    (0x1000, 0x10A0),
    (0x1780, 0x1800),
    (0x3040, 0x3100),
    (0x3400, 0x4DC0),
    (0x4E00, 0xA000),
    (0xF900, 0xFB00),
    (0x20000, 0x32000),
)


def count_words(text: str) -> int:
    """Words between white space. A zero-width non-joiner ends none, so «می‌روم» is one word."""
    return len(text.split())


def has_spaces_between_words(text: str) -> bool:
    """Whether the script separates words: false if most letters are of one that does not."""
    letters = [ord(character) for character in text if character.isalpha()]
    unspaced = sum(any(first <= code < last for first, last in _UNSPACED) for code in letters)
    return 2 * unspaced <= len(letters)


def word_spans(text: str) -> list[tuple[int, int]]:
    """First and last + 1 character of every word, without punctuation and symbols at its ends.

    A run of nothing else is no word here.
    """
    spans = []
    for run in _RUN.finditer(text):
        first, last = run.span()
        while first < last and _is_mark(text[first]):
            first += 1
        while last > first and _is_mark(text[last - 1]):
            last -= 1
        if first < last:
            spans.append((first, last))
    return spans


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans that cover the text, cut behind sentence ends and line breaks.

    A rule of thumb (it cuts behind "Dr."), good enough to resample over sentences.
    """
    spans, first = [], 0
    for end in _SENTENCE_END.finditer(text):
        if text[first : end.end()].strip():
            spans.append((first, end.end()))
            first = end.end()
    if text[first:].strip() or not spans:
        spans.append((first, len(text)))
    elif first < len(text):
        spans[-1] = (spans[-1][0], len(text))
    return spans


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSC"
