"""Rules by which an answer keeps its persona, each of which can be checked by reading."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

# A run of this many words that was said before counts as repetition.
_RUN = 8
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_ROLE_WORDS = ("user", "assistant", "system", "human", "question")
_MODEL = re.compile(r"\b(?:as|i am|i'm) an? (?:ai|artificial intelligence|language model)\b", re.I)
_SECOND_PERSON = re.compile(r"\b(?:you|your|yours|you're)\b", re.I)

RULES = {
    "addresses": "speaks to who spoke before: by name, or as you",
    "own_voice": "does not speak as another: no line that begins with another's name or a role, "
    "and no claim to be another, or a language model",
    "no_repetition": f"says no sentence twice, and no {_RUN} words in a row that were said before",
    "stops": "ends by itself",
    "shows": "shows what a good answer shows",
}


@dataclass(frozen=True)
class PersonaScore:
    """The rules that an answer keeps; a rule that does not apply is None. See :data:`RULES`."""

    addresses: bool | None
    own_voice: bool
    no_repetition: bool
    stops: bool
    shows: bool | None

    @property
    def share(self) -> float:
        """The share of the applicable rules that are kept."""
        kept = [bool(value) for value in asdict(self).values() if value is not None]
        return sum(kept) / len(kept)

    def to_dict(self) -> dict[str, Any]:
        """The score as JSON values."""
        return {**asdict(self), "share": self.share}


def score_persona(
    text: str,
    *,
    speaker: str,
    others: Sequence[str],
    before: Sequence[str],
    stopped: bool,
    wanted: Sequence[Sequence[str]] = (),
    replies: bool = True,
) -> PersonaScore:
    """Score one answer of ``speaker``.

    ``before`` are the texts of the turns before it, ``wanted`` lists of words of which one each
    must be in the answer, and ``replies`` says whether anyone spoke before.
    """
    return PersonaScore(
        addresses=_addresses(text, others) if replies else None,
        own_voice=not speaks_as_other(text, speaker, others),
        no_repetition=not repeats(text, before),
        stops=stopped,
        shows=all(contains_any(text, words) for words in wanted) if wanted else None,
    )


def speaks_as_other(text: str, speaker: str, others: Sequence[str]) -> bool:
    """Whether a text speaks another speaker's lines, or leaves the role."""
    return other_voice(text, speaker, others) is not None or _MODEL.search(text) is not None


def other_voice(text: str, speaker: str, others: Sequence[str]) -> int | None:
    """The position where a text begins to speak as another speaker, or None."""
    names = [name for name in (*others, *_ROLE_WORDS) if name.casefold() != speaker.casefold()]
    listed = "|".join(re.escape(name) for name in names)
    # A script's "Name:" at the start of a line, or a template's marker before a role.
    line = re.compile(rf"^[ \t]*\**(?:{listed})\**[ \t]*:", re.I | re.M)
    marker = re.compile(rf"<[|_\w]+>\s*(?:{listed})\b|\[/?INST\]", re.I)
    claim = re.compile(
        rf"\b(?:I am|I'm|my name is)[ ](?:{'|'.join(map(re.escape, others))})\b", re.I
    )
    found = [match.start() for rule in (line, marker, claim) if (match := rule.search(text))]
    return min(found, default=None)


def repeats(text: str, before: Sequence[str]) -> bool:
    """Whether a text says a sentence twice, or a long run of words that was said before."""
    sentences = [_plain(match) for match in _SENTENCE.findall(text)]
    long = [sentence for sentence in sentences if len(sentence.split()) >= 3]
    if len(set(long)) < len(long):
        return True
    runs = _runs(text)
    return any(runs & _runs(other) for other in before)


def contains_any(text: str, words: Sequence[str]) -> bool:
    """Whether one of the words, or numbers, is in a text as a whole, in any case."""
    return any(contains_word(text, word) for word in words)


def contains_word(text: str, word: str) -> bool:
    """Whether a word or number is in a text as a whole: 4 is not in 14 or in 4.5."""
    number = word.strip().lstrip("+-−").replace(",", "").replace(".", "").isdigit()
    before, after = (r"(?<![\w.,])", r"(?![\w]|[.,]\d)") if number else (r"(?<!\w)", r"(?!\w)")
    if number and not word.startswith(("-", "−")):
        before = r"(?<![\w])(?<!\d[.,])(?<![-−])"
    return re.search(before + re.escape(word) + after, text, re.I) is not None


def _addresses(text: str, others: Sequence[str]) -> bool:
    return contains_any(text, others) or _SECOND_PERSON.search(text) is not None


def _runs(text: str) -> set[tuple[str, ...]]:
    words = _plain(text).split()
    return {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.casefold()))
