"""Everything that a report shows of several tokenizers, as plain values.

A report reads this record alone, so that it needs neither the tokenizers nor their libraries.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.tokenizers import morphology, persian
from tunelab.tokenizers.compare import compare_parallel, compare_text
from tunelab.tokenizers.direction import runs_right_to_left, visible
from tunelab.tokenizers.loading import FastTokenizer, load
from tunelab.tokenizers.parallel import LANGUAGES, ParallelText, built_in
from tunelab.tokenizers.pieces import cut_all
from tunelab.tokenizers.vocabulary import overlaps, scripts

VERSION = 1
ALPHA = 0.05
# Longer pieces are counted together.
_LONGEST_PIECE = 16
_EXAMPLE_LANGUAGES = ("fa", "en")


def make_record(
    names: Sequence[str], *, seed: int, parallel: ParallelText | None = None
) -> dict[str, Any]:
    """Compare tokenizers on a parallel corpus (tunelab's own unless another is given).

    The Persian part is there if the corpus has Persian: the comparison of every two tokenizers,
    spellings, morphology, and ``findings``, sentences that follow from the tests.

    Raises:
        UsageError: a name is not known, or a tokenizer has no fast form.
        RunError: a tokenizer cannot be fetched.
    """
    corpus = parallel or built_in()
    tokenizers = [load(name) for name in names]
    compared = compare_parallel(tokenizers, corpus, seed=seed)
    record: dict[str, Any] = {
        "version": VERSION,
        "seed": seed,
        "corpus": corpus.name,
        "sentences": corpus.rows,
        "languages": {code: LANGUAGES.get(code, code) for code in corpus.sentences},
        "tokenizers": [_card(tokenizer) for tokenizer in tokenizers],
        "parallel": compared,
        "piece_lengths": _piece_lengths(tokenizers, corpus),
        "overlap": overlaps(tokenizers),
        "examples": _examples(tokenizers, corpus, seed),
    }
    if "fa" in corpus.sentences:
        record["persian"] = _persian(tokenizers, corpus, compared, seed)
    return record


def text_examples(
    results: Sequence[Mapping[str, Any]], text: str, language: str = ""
) -> dict[str, Any]:
    """One text with its pieces as a page shows them, for each tokenizer."""
    return {
        "language": language,
        "text": text,
        "right_to_left": runs_right_to_left(text),
        "results": [
            {
                "tokenizer": result["tokenizer"],
                "tokens": result["tokens"],
                "fertility": result["fertility"],
                "pieces": [
                    {"text": visible(piece), "kind": kind, "id": number}
                    for piece, kind, number in zip(
                        result["pieces"], result["kinds"], result["ids"], strict=True
                    )
                ],
            }
            for result in results
        ],
    }


def _card(tokenizer: FastTokenizer) -> dict[str, Any]:
    found = scripts(tokenizer)
    return {
        "name": tokenizer.name,
        "algorithm": tokenizer.algorithm,
        "vocabulary": tokenizer.vocabulary_size,
        "scripts": found,
        "arabic_script": found.get("ARABIC", 0),
    }


def _piece_lengths(
    tokenizers: Sequence[FastTokenizer], corpus: ParallelText
) -> list[dict[str, Any]]:
    """How many tokens stand for how many characters, by language."""
    rows = []
    for tokenizer in tokenizers:
        for code, sentences in corpus.sentences.items():
            counts = Counter(
                min(last - first, _LONGEST_PIECE)
                for one in cut_all(tokenizer, sentences)
                for _, (first, last), _ in one.of_text()
            )
            rows += [
                {
                    "tokenizer": tokenizer.name,
                    "language": code,
                    "characters": length,
                    "tokens": number,
                }
                for length, number in sorted(counts.items())
            ]
    return rows


def _examples(
    tokenizers: Sequence[FastTokenizer], corpus: ParallelText, seed: int
) -> list[dict[str, Any]]:
    """The sentence of middle length in each language: none is picked by what it shows."""
    found = []
    for code in _EXAMPLE_LANGUAGES:
        if code in corpus.sentences:
            ordered = sorted(corpus.sentences[code], key=len)
            text = ordered[len(ordered) // 2]
            results = compare_text(tokenizers, text, seed=seed)
            found.append(text_examples(results, text, LANGUAGES.get(code, code)))
    return found


def _persian(
    tokenizers: Sequence[FastTokenizer],
    corpus: ParallelText,
    compared: Sequence[Mapping[str, Any]],
    seed: int,
) -> dict[str, Any]:
    words = morphology.built_in()
    scored = [morphology.score(tokenizer, words, seed=seed) for tokenizer in tokenizers]
    pairs = [pair for row in compared for pair in row["pairs"] if pair["language"] == "fa"]
    return {
        "pairs": pairs,
        "findings": persian_findings(compared, pairs),
        "morphology": scored,
        "chance": morphology.chance(words),
        "variants": persian.compare_variants(tokenizers, persian.built_in_pairs(), seed=seed),
        "changes": persian.compare_changes(tokenizers, corpus.sentences["fa"], seed=seed),
    }


def persian_findings(
    compared: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Which tokenizer cuts Persian into fewer tokens: a sentence with numbers for every two.

    ``decided`` is whether Holm's p value over all languages and pairs is below 0.05.
    """
    found = []
    for row in sorted(compared, key=lambda row: row["languages"]["fa"]["tokens"]):
        persian_row = row["languages"]["fa"]
        interval = persian_row["intervals"]["premium"]
        if row["base"] == "fa" or interval is None:
            continue
        low, high = interval
        found.append(
            {
                "decided": low > 1 or high < 1,
                "sentence": (
                    f"{row['tokenizer']} needs {persian_row['premium']:.2f} times the tokens of "
                    f"the same sentences in {LANGUAGES.get(row['base'], row['base'])} "
                    f"(95 % interval {low:.2f} to {high:.2f}), {persian_row['fertility']:.2f} "
                    "tokens a word."
                ),
            }
        )
    return found + [_pair_finding(pair) for pair in pairs]


def _pair_finding(pair: Mapping[str, Any]) -> dict[str, Any]:
    decided = pair["p_adjusted"] is not None and pair["p_adjusted"] < ALPHA
    ratio, interval = pair["ratio"], pair["ratio_interval"]
    if ratio is None or interval is None:
        text = f"{pair['left']} and {pair['right']} cannot be compared: too few tokens."
        return {"decided": False, "sentence": text}
    low, high = interval
    numbers = f"{ratio:.2f} times (95 % interval {low:.2f} to {high:.2f})"
    if not decided:
        text = (
            f"Whether {pair['left']} or {pair['right']} cuts Persian into fewer tokens is not "
            f"decided: {pair['left']} needs {numbers} as many"
        )
    elif ratio < 1:
        text = f"{pair['left']} cuts Persian into fewer tokens than {pair['right']}: {numbers}"
    else:
        text = f"{pair['left']} cuts Persian into more tokens than {pair['right']}: {numbers}"
    outcome = "no sentence differs" if pair["p_value"] is None else f"p = {pair['p_adjusted']:.2g}"
    return {
        "decided": decided,
        "sentence": f"{text}, {outcome}, {pair['sentences']} sentences.",
    }
