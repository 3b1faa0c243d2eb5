"""Where labels are in a text, in any script."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import regex

from tunelab.data.text_identity import HALF_SPACE, fold

# Scripts that are written without blanks between words.
_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}"
)
_UNSPACED_LETTER = regex.compile(rf"[{_UNSPACED}]")
_HAN = regex.compile(r"\p{Han}")
_KATAKANA = regex.compile(r"[\p{Katakana}ー]")
_SYLLABLES = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}]")
_HANGUL = regex.compile(r"\p{Hangul}")
_ARABIC = regex.compile(r"\p{Arabic}")
_HEBREW = regex.compile(r"\p{Hebrew}")
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]")
_PUNCTUATION = regex.compile(r"[\p{P}\p{Sm}\p{Sc}\p{Sk}]")

# A letter, digit or mark of a script that has blanks between its words.
_LETTER = rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{_UNSPACED}\p{{Hangul}}]]"
# What Korean puts behind a noun: particles and the forms of "to be".
_PARTICLES = (
    "은|는|이|가|을|를|의|에|에서|에게|도|만|과|와|로|으로|이나|나|이랑|랑|까지|부터|보다|처럼|마저|조차"
    "|이다|다|이야|야|이에요|예요|이예요|입니다|이었습니다|였습니다|인|인데|일|임|이며|며|이고|고|이라|라"
    "|이라고|라고|이라는|라는|이란|란|이지만|지만|이었다|였다|이네요|네요|이죠|죠|이지|지|인가|인가요|인듯"
    "|이라기보다는|라기보다는|뿐|뿐만|밖에|요|이요"
)
_PERSIAN_ENDINGS = "ها|های|هایی|ی|ای|ام|ات|اش|مان|تان|شان|است|اند|ایم|اید|را"
# The article of Arabic and the words that are written as one with what follows.
_ARABIC_PREFIX = "[وف]?(?:ال|بال|فال|كال|کال|لل)"
_ARABIC_SHORT_PREFIX = "[وفبلكک]|[وف][بلكک]"
_HEBREW_PREFIX = "[והבלמשכ]{1,2}"
# Words that may touch a short label in scripts without blanks.
_HAN_BEFORE = "是为為的选選答案叫属屬即乃、"
_HAN_AFTER = "的了吧呢吗嗎、是"
_SYLLABLE_BEFORE = "คือ|เป็น|ว่า|และ|หรือ|ແມ່ນ|ເປັນ|គឺ|ជា|သည်|က"
_SYLLABLE_AFTER = "ค่ะ|ครับ|และ|หรือ|นะ|ແລະ|และ|និង|ဖြစ်|ပါ|သည်|ပဲ"


@dataclass(frozen=True)
class Span:
    """A label in a text: its start and end, and the label, or None if several look like it."""

    start: int
    end: int
    label: str | None


class LabelFinder:
    """Finds the labels of one set; what it looks for is prepared once."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._exact = {label: label for label in labels}
        self._folded = _grouped(labels, folded_key)
        self._joined = _grouped(labels, joined_key)
        forms = {_one_blank(fold(label)[0].strip())[0]: None for label in labels}
        # By their first two characters, the longest first.
        self._by_head: dict[str, list[str]] = {}
        for form in sorted(filter(None, forms), key=len, reverse=True):
            self._by_head.setdefault(form[:2], []).append(form)

    def exactly(self, text: str) -> str | None:
        """The label that a text is, character by character."""
        return self._exact.get(text)

    def resembled(self, text: str) -> set[str]:
        """The labels that a text is in other spelling: the closest spelling counts."""
        return self._folded.get(folded_key(text)) or self._joined.get(joined_key(text)) or set()

    def spans(self, text: str) -> list[Span]:
        """Where labels are in a text in NFC. Of labels within a label the longest counts."""
        folded, positions = fold(text)
        positions.append(len(text))
        joined, origins = _one_blank(folded)
        origins.append(len(folded))
        found: list[Span] = []
        reached = -1
        for start in range(len(joined)):
            for head in (joined[start : start + 2], joined[start]):
                end = self._longest(joined, folded, origins, start, head)
                if end > reached:
                    reached = end
                    ended = origins[end - 1] + 1
                    found.append(self._span(text, positions[origins[start]], positions[ended]))
                    break
        return found

    def _longest(
        self, joined: str, folded: str, origins: Sequence[int], start: int, head: str
    ) -> int:
        """Where the longest label ends that begins at ``start`` as a whole word, or -1."""
        for form in self._by_head.get(head, ()):
            end = start + len(form)
            if (
                joined.startswith(form, start)
                and _before(form).match(folded, origins[start])
                and _after(form).match(folded, origins[end - 1] + 1)
            ):
                return end
        return -1

    def _span(self, text: str, start: int, end: int) -> Span:
        written = text[start:end]
        exact = self.exactly(written)
        labels = {exact} if exact is not None else self.resembled(written)
        return Span(start, end, next(iter(labels)) if len(labels) == 1 else None)


def folded_key(text: str) -> str:
    """As :func:`~tunelab.data.text_identity.look_alike`."""
    return " ".join(fold(text)[0].replace(HALF_SPACE, "").split())


def joined_key(text: str) -> str:
    """The same for "card_arrival", "card-arrival" and "Card arrival"; signs elsewhere count."""
    folded = fold(text)[0]
    return str(_BETWEEN.sub("", " ".join(folded.split())))


_BETWEEN = regex.compile(
    rf"(?<=[\p{{L}}\p{{N}}\p{{M}}])(?:\s+|[_\-{HALF_SPACE}])(?=[\p{{L}}\p{{N}}])"
)
_SEPARATORS = regex.compile(rf"{_BETWEEN.pattern}|\s+")


def _grouped(labels: Sequence[str], key: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for label in labels:
        found.setdefault(key(label), set()).add(label)
    return found


def _one_blank(folded: str) -> tuple[str, list[int]]:
    """Blanks, and the signs that join words, as one blank; and where each character stood."""
    parts, origins = [], []
    position = 0
    for match in _SEPARATORS.finditer(folded):
        parts += [folded[position : match.start()], " "]
        origins += [*range(position, match.start()), match.start()]
        position = match.end()
    parts.append(folded[position:])
    origins += range(position, len(folded))
    return "".join(parts), origins


@lru_cache(maxsize=4096)
def _before(label: str) -> Any:
    return regex.compile(_before_pattern(label), regex.V1)


@lru_cache(maxsize=4096)
def _after(label: str) -> Any:
    return regex.compile(_after_pattern(label), regex.V1)


def _before_pattern(label: str) -> str:
    first, length = label[0], sum(_WORD.match(character) is not None for character in label)
    if _HANGUL.match(first):
        return r"(?<!\p{Hangul})"
    if _KATAKANA.match(first):
        return r"(?<![\p{Katakana}ー])"
    if _SYLLABLES.match(first):
        near = rf"(?<=^|[^{_UNSPACED}]|{_SYLLABLE_BEFORE})" if length <= 3 else ""
        return near + r"(?<![เแโใไເແໂໃໄ])"
    if _HAN.match(first):
        return rf"(?<=^|[^\p{{Han}}]|[{_HAN_BEFORE}])" if length == 1 else ""
    if _UNSPACED_LETTER.match(first):
        return ""
    if _ARABIC.match(first):
        prefix = f"(?:{_ARABIC_PREFIX}{'|' + _ARABIC_SHORT_PREFIX if length > 3 else ''})?"
        return rf"(?<=(?:^|[^\p{{L}}\p{{N}}\p{{M}}{HALF_SPACE}]){prefix if length > 1 else ''})"
    if _HEBREW.match(first):
        prefix = f"(?:{_HEBREW_PREFIX})?" if length > 2 else ""
        return rf"(?<=(?:^|[^\p{{L}}\p{{N}}\p{{M}}]){prefix})"
    if _WORD.match(first):
        signed = r"(?<!-)" if first.isdigit() else ""
        return rf"(?<!{_LETTER}|{_LETTER}_)(?<!\d[.,]){signed}"
    if _PUNCTUATION.match(first):
        return r"""(?<=^|[\s"'`*(\[{«]|[\p{L}\p{N}][:：=]\s?)"""
    return ""


def _after_pattern(label: str) -> str:
    last, length = label[-1], sum(_WORD.match(character) is not None for character in label)
    if _HANGUL.match(last):
        return rf"(?=(?:{_PARTICLES})?(?!\p{{Hangul}}))"
    if _KATAKANA.match(last):
        return r"(?![\p{Katakana}ー])"
    if _SYLLABLES.match(last):
        near = rf"(?=$|[^{_UNSPACED}]|{_SYLLABLE_AFTER})" if length <= 3 else ""
        return near + r"(?!\p{M})"
    if _HAN.match(last):
        return rf"(?=$|[^\p{{Han}}]|[{_HAN_AFTER}])" if length == 1 else ""
    if _UNSPACED_LETTER.match(last):
        return ""
    if _WORD.match(last):
        # Not C of C++ or C#, nor 2 of 2.5; joy's is joy, but can't is not can.
        ending = r"(?![#+](?!\w))(?![.,]\d)(?!'[a-rt-z])"
        if _ARABIC.match(last):
            ending = rf"(?!{HALF_SPACE}(?!(?:{_PERSIAN_ENDINGS})(?![\p{{L}}\p{{M}}])))"
        return rf"(?!{_LETTER}|_+{_LETTER}){ending}"
    if _PUNCTUATION.match(last):
        return r"""(?=$|[\s"'`*)\]}».,;:!?。，！？،؟])"""
    # An emoji may continue with a skin tone or as a part of another.
    return r"(?![\U0001F3FB-\U0001F3FF\u200d])"
