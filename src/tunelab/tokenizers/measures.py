"""Measures of how a tokenizer cuts text, with intervals over sentences.

Fertility is tokens a word and continued words are those cut in two or more (Rust et al., How good
is your tokenizer?, 2021, https://arxiv.org/abs/2012.15613); Rényi efficiency is the Rényi entropy
of the tokens that occur, of order 2.5, over its largest value (Zouhar et al., Tokenization and
the noiseless channel, 2023, https://arxiv.org/abs/2306.16842).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.tokenizers.intervals import Interval, ratio_interval
from tunelab.tokenizers.pieces import BYTES, UNKNOWN, Cut
from tunelab.tokenizers.words import (
    count_words,
    has_spaces_between_words,
    sentence_spans,
    word_spans,
)

ORDER = 2.5

# Name of a measure: what it divides by what, both counted for each sentence.
RATIOS: Mapping[str, tuple[str, str]] = {
    "fertility": ("tokens", "words"),
    "characters_per_token": ("characters", "tokens"),
    "bytes_per_token": ("bytes", "tokens"),
    "words_kept_whole": ("whole", "cores"),
    "continued_words": ("continued", "cores"),
    "unknown_rate": ("unknown", "tokens"),
    "byte_fallback_rate": ("fallback", "tokens"),
}
_OF_WORDS = ("fertility", "words_kept_whole", "continued_words")


@dataclass(frozen=True)
class Counts:
    """What is counted in one sentence.

    ``words`` stand between white space; ``cores`` are words without the punctuation at their
    ends, ``whole`` those that one token covers and ``continued`` those that several do;
    ``fallback`` are tokens that are, or hold, a part of a character.
    """

    tokens: int
    words: int
    characters: int
    bytes: int
    cores: int
    whole: int
    continued: int
    unknown: int
    fallback: int


@dataclass(frozen=True)
class Measures:
    """Totals, ratios and their 95 % intervals; a ratio that is undefined is None with a reason."""

    sentences: int
    tokens: int
    words: int
    characters: int
    bytes: int
    values: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]
    undefined: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Flat JSON values: the counts and the ratios side by side, the intervals below."""
        return {
            "tokens": self.tokens,
            "words": self.words,
            "characters": self.characters,
            "bytes": self.bytes,
            "sentences": self.sentences,
            **self.values,
            "intervals": {name: list(pair) if pair else None for name, pair in self._intervals()},
            "undefined": dict(self.undefined),
        }

    def _intervals(self) -> list[tuple[str, Interval | None]]:
        return list(self.intervals.items())


def count_text(cut: Cut, text: str) -> Counts:
    """Counts of a text as a whole."""
    return _count(cut, text, 0, len(text), 0, len(cut.of_text()))


def count_sentences(cut: Cut, text: str) -> list[Counts]:
    """Counts of every sentence of a text that was cut as a whole.

    A token belongs to the sentence in which it begins.
    """
    starts = [first for _, (first, _), _ in cut.of_text()]
    counts, position = [], 0
    for first, last in sentence_spans(text):
        following = position
        while following < len(starts) and (starts[following] < last or last == len(text)):
            following += 1
        counts.append(_count(cut, text, first, last, position, following))
        position = following
    return counts


def _count(cut: Cut, text: str, first: int, last: int, start: int, stop: int) -> Counts:
    tokens = cut.of_text()[start:stop]
    part = text[first:last]
    cores = [(first + left, first + right) for left, right in word_spans(part)]
    covering = _covering(cores, [span for _, span, _ in tokens])
    return Counts(
        tokens=len(tokens),
        words=count_words(part),
        characters=len(part),
        bytes=len(part.encode("utf-8")),
        cores=len(cores),
        whole=sum(number == 1 for number in covering),
        continued=sum(number > 1 for number in covering),
        unknown=sum(kind == UNKNOWN for _, _, kind in tokens),
        fallback=sum(kind == BYTES for _, _, kind in tokens),
    )


def _covering(words: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[int]:
    """How many tokens reach into each word. Both lists are in order."""
    counts, position = [], 0
    for first, last in words:
        while position < len(spans) and spans[position][1] <= first:
            position += 1
        following, number = position, 0
        while following < len(spans) and spans[following][0] < last:
            number += spans[following][1] > first
            following += 1
        counts.append(number)
    return counts


def measure(
    counts: Sequence[Counts], ids: Iterable[int], *, seed: int, spaced: bool = True
) -> Measures:
    """Ratios over all sentences, each with a bootstrap interval over them.

    ``ids`` are those of all tokens, for Rényi efficiency; ``spaced`` says whether the script
    separates words, without which there are no measures of words.
    """
    totals = {
        name: sum(getattr(one, name) for one in counts) for name in Counts.__dataclass_fields__
    }
    values: dict[str, float | None] = {}
    intervals: dict[str, Interval | None] = {}
    undefined: dict[str, str] = {}
    for name, (above, below) in RATIOS.items():
        if name in _OF_WORDS and not spaced:
            reason: str | None = "the script puts no spaces between words"
        else:
            reason = None if totals[below] else f"there are no {_NAMES.get(below, below)}"
        if reason:
            values[name], intervals[name], undefined[name] = None, None, reason
            continue
        values[name] = totals[above] / totals[below]
        intervals[name] = ratio_interval(
            [getattr(one, above) for one in counts],
            [getattr(one, below) for one in counts],
            seed=seed,
        )
    values["renyi_efficiency"] = renyi_efficiency(ids)
    if values["renyi_efficiency"] is None:
        undefined["renyi_efficiency"] = "fewer than two different tokens occur"
    return Measures(
        sentences=len(counts),
        tokens=totals["tokens"],
        words=totals["words"],
        characters=totals["characters"],
        bytes=totals["bytes"],
        values=values,
        intervals=intervals,
        undefined=undefined,
    )


_NAMES = {"cores": "words"}


def measure_text(cut: Cut, text: str, *, seed: int) -> Measures:
    """Measures of one text, with intervals over its sentences if it has several."""
    ids = [number for number, _, _ in cut.of_text()]
    spaced = has_spaces_between_words(text)
    return measure(count_sentences(cut, text), ids, seed=seed, spaced=spaced)


def measure_texts(cuts: Sequence[Cut], texts: Sequence[str], *, seed: int) -> Measures:
    """Measures of several texts, each of which counts as one sentence."""
    counts = [count_text(one, text) for one, text in zip(cuts, texts, strict=True)]
    ids = [number for one in cuts for number, _, _ in one.of_text()]
    spaced = has_spaces_between_words("\n".join(texts))
    return measure(counts, ids, seed=seed, spaced=spaced)


def renyi_efficiency(ids: Iterable[int], order: float = ORDER) -> float | None:
    """Between 0 and 1; None where fewer than two different tokens occur."""
    counts = Counter(ids)
    if len(counts) < 2:
        return None
    total = counts.total()
    power = sum((count / total) ** order for count in counts.values())
    return math.log(power) / (1 - order) / math.log(len(counts))
