"""From a model's answer to a label, or to the reason why there is none."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

EMPTY = "empty answer"
NO_LABEL = "no label in the answer"
SEVERAL = "several labels"
NEGATED = "negated label"
REASONS = (EMPTY, NO_LABEL, SEVERAL, NEGATED)


@dataclass(frozen=True)
class ParsedAnswer:
    """``label`` is one of the labels, or None; then ``reason`` is one of ``REASONS``."""

    label: str | None
    reason: str | None


# Characters of an answer that are read: no model writes as many to name a label.
_LONGEST = 8_000
# Words after which a label is denied, unless punctuation or a turn such as "but" comes between.
_DENIAL = (
    r"not|no|never|neither|nor|without|hardly|cannot|isnt|wasnt|arent|dont|doesnt|non|\w+n't"
    r"|anything but|(?:opposite|absence|lack|instead|free) of|rather than|other than|far from"
)
_DENIED_BEFORE = re.compile(
    rf"(?<![\w'])(?:{_DENIAL})(?![\w'])(?:[\s\-\"'*_`]+(?!(?:but|however|yet|instead|just|only)\b)"
    r"[^\W_]+(?:'\w+)?){0,5}[\s\-\"'*_`(]*$"
)
_DENIED_AFTER = re.compile(
    r"^[\"'*_`)]*\s+(?:(?:is|was|are|were|would|does|do|did|can|could|seems?|has|have)\s+"
    r"(?:\w+\s+)?(?:not|never)\b|(?:isn't|wasn't|aren't|doesn't|isnt|wouldn't|can't|cannot)\b)"
    r"(?P<rest>[^.,;:!?\n]*)"
)


def parse_answer(answer: str, labels: Sequence[str]) -> ParsedAnswer:
    """Find the one label that an answer gives.

    Case, quotes, punctuation, Markdown and a sentence around the label do not matter. A label
    counts as a whole word only, so that a synonym or another form of the word ("joyful") is no
    label. A denied label ("not sadness") does not count; two different labels that are not
    denied make the answer undecided.
    """
    text = _fold(answer[:_LONGEST])
    bare = text.strip(" \t\n\r.,;:!?\"'`*_()[]{}<>-#|«»“”")
    if not bare:
        return ParsedAnswer(None, EMPTY)
    names = {_fold(label).strip(): label for label in labels}
    if bare in names:
        return ParsedAnswer(names[bare], None)
    found = list(_pattern(tuple(names)).finditer(text))
    if not found:
        return ParsedAnswer(None, NO_LABEL)
    spans = [(match.start(), match.end(), match.group()) for match in found]
    asserted = {
        names[name]
        for start, end, name in spans
        if not _is_denied(text, start, end, [other for other in spans if other[0] > end])
    }
    if len(asserted) == 1:
        return ParsedAnswer(asserted.pop(), None)
    return ParsedAnswer(None, SEVERAL if asserted else NEGATED)


def _fold(text: str) -> str:
    """Casefolded, compatibility forms made one, curly apostrophes straight."""
    return unicodedata.normalize("NFKC", text).replace("’", "'").casefold()


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Whole-word matches, the longest label first; underscores count as marks, not as letters."""
    ordered = sorted((name for name in names if name), key=len, reverse=True)
    alternatives = "|".join(map(re.escape, ordered)) or r"(?!)"
    return re.compile(rf"(?<![^\W_])(?<!\d[.,])(?:{alternatives})(?![^\W_])(?![.,]\d)(?!'[a-rt-z])")


def _is_denied(text: str, start: int, end: int, later: list[tuple[int, int, str]]) -> bool:
    before = re.split(r"[.,;:!?\n]", text[:start])[-1]
    if _DENIED_BEFORE.search(before):
        return True
    after = _DENIED_AFTER.match(text[end:])
    if after is None:
        return False
    # In "joy is not sadness" it is the second label that is denied.
    reach = end + after.end()
    return not any(other_start < reach for other_start, _, _ in later)
