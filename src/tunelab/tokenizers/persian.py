"""Ways to write the same Persian, and what each does to a tokenizer's count.

The pairs that come with the laboratory hold a standard and a variant spelling. The changes below
make variants of running text: they are rules, not taste, and each says what it replaces.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tunelab.evaluation.statistics.corrections import holm
from tunelab.tokenizers.counting import count_tokens
from tunelab.tokenizers.intervals import compare_pairs
from tunelab.tokenizers.loading import FastTokenizer
from tunelab.tokenizers.parallel import read_table

_PERSIAN_DIGITS = "۰۱۲۳۴۵۶۷۸۹"
_ARABIC_DIGITS = "٠١٢٣٤٥٦٧٨٩"
_HAMZA_SEATS = str.maketrans("أإؤئ", "ااوی")


def _translate(source: str, target: str) -> Callable[[str], str]:
    table = str.maketrans(source, target)
    return lambda text: text.translate(table)


def _without_marks(text: str) -> str:
    """Without vowel signs, tanwin, shadda and the hamza above heh (U+064B to U+0655, U+0670)."""
    return "".join(
        character
        for character in text
        if not "\u064b" <= character <= "\u0655" and character != "\u0670"
    )


CHANGES: Mapping[str, Callable[[str], str]] = {
    "joiner dropped": lambda text: text.replace("\u200c", ""),
    "joiner as space": lambda text: text.replace("\u200c", " "),
    "Arabic kaf": _translate("ک", "ك"),
    "Arabic yeh": _translate("ی", "ي"),
    "marks dropped": _without_marks,
    "ASCII digits": _translate(_PERSIAN_DIGITS, "0123456789"),
    "Arabic digits": _translate(_PERSIAN_DIGITS, _ARABIC_DIGITS),
    "hamza dropped": lambda text: text.translate(_HAMZA_SEATS),
    "heh and joined yeh": lambda text: text.replace("هٔ", "ه\u200cی"),
    "heh with hamza in one": lambda text: text.replace("هٔ", "ۀ"),
    "decomposed (NFD)": lambda text: unicodedata.normalize("NFD", text),
    "compatibility (NFKC)": lambda text: unicodedata.normalize("NFKC", text),
}


def built_in_pairs() -> dict[str, list[tuple[str, str]]]:
    """Standard and variant spellings by kind."""
    pairs: dict[str, list[tuple[str, str]]] = {}
    for row in read_table("persian_variants.tsv"):
        pairs.setdefault(row["kind"], []).append((row["standard"], row["variant"]))
    return pairs


def compare_variants(
    tokenizers: Sequence[FastTokenizer],
    pairs: Mapping[str, Sequence[tuple[str, str]]],
    *,
    seed: int,
) -> list[dict[str, Any]]:
    """For each tokenizer and kind: tokens of the variant against the standard spelling.

    ``difference`` is variant minus standard in tokens a pair. p values are Holm's, over the kinds
    and tokenizers. A word is counted behind a space, as within a sentence.
    """
    rows = []
    for tokenizer in tokenizers:
        for kind, both in pairs.items():
            standard = count_tokens(tokenizer, [f"و {left}" for left, _ in both])
            variant = count_tokens(tokenizer, [f"و {right}" for _, right in both])
            alone = count_tokens(tokenizer, ["و"])[0]
            rows.append(
                {
                    "tokenizer": tokenizer.name,
                    "kind": kind,
                    **_compared(
                        [number - alone for number in variant],
                        [number - alone for number in standard],
                        seed,
                    ),
                }
            )
    return _adjusted(rows)


def compare_changes(
    tokenizers: Sequence[FastTokenizer], sentences: Sequence[str], *, seed: int
) -> list[dict[str, Any]]:
    """For each tokenizer and change: tokens of the changed sentences against the sentences.

    Only sentences that a change alters are counted; a change that alters none has no row.
    """
    rows = []
    for tokenizer in tokenizers:
        for name, change in CHANGES.items():
            pairs = [(text, change(text)) for text in sentences if change(text) != text]
            if not pairs:
                continue
            before = count_tokens(tokenizer, [text for text, _ in pairs])
            after = count_tokens(tokenizer, [text for _, text in pairs])
            compared = _compared(after, before, seed)
            rows.append({"tokenizer": tokenizer.name, "kind": name, **compared})
    return _adjusted(rows)


def _compared(left: Sequence[int], right: Sequence[int], seed: int) -> dict[str, Any]:
    compared = asdict(compare_pairs(left, right, seed=seed))
    return {**compared, "standard_tokens": sum(right), "variant_tokens": sum(left)}


def _adjusted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    values = holm([row["p_value"] for row in rows])
    return [{**row, "p_adjusted": value} for row, value in zip(rows, values, strict=True)]
