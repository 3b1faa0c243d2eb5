"""Do tokens end where morphemes end? Boundary precision and recall on Persian words.

The gold boundaries come with the laboratory. A zero-width non-joiner at a boundary belongs to
neither side: a cut before it, behind it or around it is one cut. A cut within a character, as
byte-level tokenizers make, is a cut that no boundary agrees with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tunelab.tokenizers.intervals import ratio_interval
from tunelab.tokenizers.loading import FastTokenizer
from tunelab.tokenizers.parallel import read_table
from tunelab.tokenizers.pieces import Cut, cut_all

_JOINER = "\u200c"
_BEFORE = "و "


@dataclass(frozen=True)
class Word:
    """A word with its morphemes, whose concatenation it is."""

    word: str
    morphemes: tuple[str, ...]
    category: str


@dataclass(frozen=True)
class Boundaries:
    """Boundaries of one word: of the gold, of the tokenizer, and those that both have."""

    gold: int
    found: int
    agreed: int


def built_in() -> list[Word]:
    """The Persian stress set."""
    return [
        Word(row["word"], tuple(row["morphemes"].split("|")), row["category"])
        for row in read_table("persian_morphology.tsv")
    ]


def score(tokenizer: FastTokenizer, words: Sequence[Word], *, seed: int) -> dict[str, Any]:
    """Precision, recall and F1 over all boundaries of the words, with intervals over words.

    Each word is cut behind another, as it is in a sentence. ``categories`` hold the same
    without intervals.
    """
    texts = [_BEFORE + word.word for word in words]
    pairs = zip(cut_all(tokenizer, texts), words, strict=True)
    rows = [_boundaries(one, word) for one, word in pairs]
    by_category: dict[str, list[Boundaries]] = {}
    for word, row in zip(words, rows, strict=True):
        by_category.setdefault(word.category, []).append(row)
    return {
        "tokenizer": tokenizer.name,
        "words": len(words),
        **_scores(rows),
        "intervals": {
            "precision": _interval(rows, "agreed", "found", seed),
            "recall": _interval(rows, "agreed", "gold", seed),
        },
        "categories": {
            category: {"words": len(part), **_scores(part)}
            for category, part in by_category.items()
        },
    }


def chance(words: Sequence[Word]) -> dict[str, Any]:
    """The scores of a cut behind every character, which any tokenizer should beat in precision."""
    rows = []
    for word in words:
        gold = len(gold_boundaries(word))
        rows.append(Boundaries(gold, len(word.word.replace(_JOINER, "")) - 1, gold))
    return {"tokenizer": "every character", "words": len(words), **_scores(rows)}


def gold_boundaries(word: Word) -> set[float]:
    """Places of the boundaries in the word without its joiners."""
    positions, length = set[float](), 0
    for morpheme in word.morphemes[:-1]:
        length += len(morpheme.replace(_JOINER, ""))
        positions.add(length)
    return positions


def token_boundaries(cut: Cut, word: str, first: int) -> set[float]:
    """Places of the cuts in the word, which begins at ``first``, without its joiners.

    A cut within a character lies half-way through it.
    """
    length = len(word.replace(_JOINER, ""))
    positions = set[float]()
    ends = [(left, right) for _, (left, right), _ in cut.of_text() if right > first]
    for (_, end), (start, _) in pairwise(ends):
        within = start < end
        at = min(max(start if within else end, first) - first, len(word))
        position: float = len(word[:at].replace(_JOINER, ""))
        if within:
            if word[at : at + 1] == _JOINER:
                continue
            position += 0.5
        if 0 < position < length:
            positions.add(position)
    return positions


def _boundaries(one: Cut, word: Word) -> Boundaries:
    gold = gold_boundaries(word)
    found = token_boundaries(one, word.word, len(_BEFORE))
    return Boundaries(len(gold), len(found), len(gold & found))


def _scores(rows: Sequence[Boundaries]) -> Mapping[str, float | None]:
    gold = sum(row.gold for row in rows)
    found = sum(row.found for row in rows)
    agreed = sum(row.agreed for row in rows)
    return {
        "precision": agreed / found if found else None,
        "recall": agreed / gold if gold else None,
        "f1": 2 * agreed / (gold + found) if gold + found else None,
    }


def _interval(rows: Sequence[Boundaries], above: str, below: str, seed: int) -> list[float] | None:
    interval = ratio_interval(
        [getattr(row, above) for row in rows], [getattr(row, below) for row in rows], seed=seed
    )
    return None if interval is None else list(interval)
