"""Several tokenizers on the same text: one plain value for each, ready for JSON and for tables."""

import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from tunelab.evaluation.statistics.corrections import holm
from tunelab.tokenizers.counting import count_texts
from tunelab.tokenizers.intervals import GROUPS, compare_pairs, ratio_interval
from tunelab.tokenizers.loading import FastTokenizer
from tunelab.tokenizers.measures import Counts, count_text, measure, measure_text, measure_texts
from tunelab.tokenizers.parallel import ParallelText
from tunelab.tokenizers.pieces import cut, cut_all
from tunelab.tokenizers.reading import read_lines
from tunelab.tokenizers.round_trip import add_up, round_trip
from tunelab.tokenizers.words import has_spaces_between_words

# Lines of a file whose words and pieces are looked at; tokens are counted in all of them.
SAMPLE = 2_000
_LONGEST_SAMPLED = 20_000


def compare_text(
    tokenizers: Sequence[FastTokenizer], text: str, *, seed: int
) -> list[dict[str, Any]]:
    """How each tokenizer cuts a text: ids, pieces, spans, kinds, measures and the round trip.

    Raises:
        ValueError: the text holds half a surrogate pair.
    """
    found = []
    for tokenizer in tokenizers:
        one = cut(tokenizer, text)
        trip = round_trip(tokenizer, text)
        found.append(
            {
                "tokenizer": tokenizer.name,
                "algorithm": tokenizer.algorithm,
                "vocabulary": tokenizer.vocabulary_size,
                "ids": list(one.ids),
                "pieces": list(one.pieces),
                "spans": [list(span) for span in one.spans],
                "kinds": list(one.kinds),
                **measure_text(one, text, seed=seed).to_dict(),
                "round_trip": {"exact": trip.exact, "text": trip.text, "lost": trip.lost},
            }
        )
    return found


def compare_file(
    tokenizers: Sequence[FastTokenizer],
    path: Path,
    *,
    seed: int,
    keep_lengths: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Measures of a text file whose lines are texts of their own, blank ones left out.

    All lines are counted. What needs the pieces (words kept whole, unknown and byte tokens, Rényi
    efficiency, the round trip) comes from ``sampled`` lines, drawn with the seed. With
    ``keep_lengths`` there are ``lengths``, the tokens of every line, at four bytes a line.

    Raises:
        UsageError: the file is missing or not UTF-8.
    """
    sample = _Sample(SAMPLE, seed)
    spread = _Spread(len(tokenizers), seed, keep_lengths=keep_lengths)
    lines = sample.watch(line for line in read_lines(path) if line.strip())
    total = count_texts(tokenizers, lines, observe=spread.add, advance=advance)
    spaced = has_spaces_between_words("\n".join(sample.texts))
    found = []
    for position, tokenizer in enumerate(tokenizers):
        measured = measure_texts(
            cut_all(tokenizer, sample.texts), sample.texts, seed=seed
        ).to_dict()
        tokens = total.tokens[position]
        trips = [round_trip(tokenizer, text) for text in sample.texts]
        whole, lost = add_up(trips)
        if spaced and total.words:
            measured["fertility"] = tokens / total.words
            interval = ratio_interval(spread.tokens[position], spread.words, seed=seed)
            measured["intervals"]["fertility"] = _listed(interval)
        if tokens:
            measured["characters_per_token"] = total.characters / tokens
            measured["bytes_per_token"] = total.bytes / tokens
        found.append(
            {
                "tokenizer": tokenizer.name,
                "algorithm": tokenizer.algorithm,
                "vocabulary": tokenizer.vocabulary_size,
                **measured,
                "tokens": tokens,
                "words": total.words,
                "characters": total.characters,
                "bytes": total.bytes,
                "sentences": total.texts,
                "sampled": len(sample.texts),
                "round_trip": {"exact": whole, "of": len(trips), "lost": lost},
                **({"lengths": spread.lengths[position].tolist()} if keep_lengths else {}),
            }
        )
    return found


def compare_parallel(
    tokenizers: Sequence[FastTokenizer], parallel: ParallelText, *, seed: int
) -> list[dict[str, Any]]:
    """Measures by language, with the premium against English (or the first language).

    The premium is the tokens of a language over those of the base, on the same sentences
    (Petrov et al., Language model tokenizers introduce unfairness between languages, 2023,
    https://arxiv.org/abs/2305.15425). ``pairs`` compare a tokenizer with every other on the
    same sentences; their p values are Holm's, over all pairs and languages.
    """
    base = "en" if "en" in parallel.sentences else next(iter(parallel.sentences))
    lengths: dict[str, dict[str, list[int]]] = {}
    found = []
    for tokenizer in tokenizers:
        languages: dict[str, Any] = {}
        lengths[tokenizer.name] = {}
        for code, sentences in parallel.sentences.items():
            cuts = cut_all(tokenizer, sentences)
            counts = [count_text(one, text) for one, text in zip(cuts, sentences, strict=True)]
            lengths[tokenizer.name][code] = [one.tokens for one in counts]
            whole, lost = add_up(round_trip(tokenizer, text) for text in sentences)
            languages[code] = {
                **_measured(counts, cuts, sentences, seed),
                "round_trip": {"exact": whole, "of": len(sentences), "lost": lost},
            }
        _add_premium(languages, lengths[tokenizer.name], base, seed)
        found.append(
            {
                "tokenizer": tokenizer.name,
                "algorithm": tokenizer.algorithm,
                "vocabulary": tokenizer.vocabulary_size,
                "corpus": parallel.name,
                "base": base,
                "sentences": parallel.rows,
                "languages": languages,
            }
        )
    pairs = compare_lengths(lengths, list(parallel.sentences), seed=seed)
    for row in found:
        row["pairs"] = [pair for pair in pairs if pair["left"] == row["tokenizer"]]
    return found


def compare_lengths(
    lengths: Mapping[str, Mapping[str, Sequence[int]]], languages: Iterable[str], *, seed: int
) -> list[dict[str, Any]]:
    """Every two tokenizers on the same sentences, in every language, with Holm's p values."""
    pairs = []
    for language in languages:
        for left, right in combinations(lengths, 2):
            compared = compare_pairs(lengths[left][language], lengths[right][language], seed=seed)
            pairs.append({"left": left, "right": right, "language": language, **asdict(compared)})
    adjusted = holm([pair["p_value"] for pair in pairs])
    for pair, value in zip(pairs, adjusted, strict=True):
        pair["p_adjusted"] = value
    return pairs


def _measured(
    counts: Sequence[Counts], cuts: Sequence[Any], sentences: Sequence[str], seed: int
) -> dict[str, Any]:
    ids = [number for one in cuts for number, _, _ in one.of_text()]
    spaced = has_spaces_between_words("\n".join(sentences))
    return measure(counts, ids, seed=seed, spaced=spaced).to_dict()


def _add_premium(
    languages: Mapping[str, dict[str, Any]],
    lengths: Mapping[str, Sequence[int]],
    base: str,
    seed: int,
) -> None:
    total = sum(lengths[base])
    for code, measured in languages.items():
        measured["premium"] = sum(lengths[code]) / total if total else None
        interval = ratio_interval(lengths[code], lengths[base], seed=seed) if total else None
        measured["intervals"]["premium"] = _listed(interval)
        if not total:
            measured["undefined"]["premium"] = f"there are no tokens in {base}"


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


class _Sample:
    """A seeded sample of the texts that pass by, each as likely as any other.

    Source: Vitter, Random sampling with a reservoir, 1985, algorithm R.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.texts: list[str] = []
        self._size = size
        self._random = random.Random(seed)  # noqa: S311 - sampling, no secret

    def watch(self, texts: Iterable[str]) -> Iterator[str]:
        """Hand every text on, and keep some."""
        for number, text in enumerate(texts):
            short = text[:_LONGEST_SAMPLED]
            if len(self.texts) < self._size:
                self.texts.append(short)
            else:
                position = self._random.randrange(number + 1)
                if position < self._size:
                    self.texts[position] = short
            yield text


class _Spread:
    """Tokens and words summed over groups of lines, for intervals in bounded memory.

    The first lines are a group each; the others join one at random.
    """

    def __init__(self, tokenizers: int, seed: int, *, keep_lengths: bool) -> None:
        self.words: list[int] = []
        self.tokens: list[list[int]] = [[] for _ in range(tokenizers)]
        self.lengths = [array("I") for _ in range(tokenizers)]
        self._keep = keep_lengths
        self._random = random.Random(seed)  # noqa: S311 - grouping, no secret

    def add(self, words: list[int], lengths: list[list[int]]) -> None:
        """Take in a batch: words of every line, and its tokens for each tokenizer."""
        for number, count in enumerate(words):
            if len(self.words) < GROUPS:
                self.words.append(count)
                for totals, new in zip(self.tokens, lengths, strict=True):
                    totals.append(new[number])
                continue
            group = self._random.randrange(GROUPS)
            self.words[group] += count
            for totals, new in zip(self.tokens, lengths, strict=True):
                totals[group] += new[number]
        if self._keep:
            for kept, new in zip(self.lengths, lengths, strict=True):
                kept.extend(new)
