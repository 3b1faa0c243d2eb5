"""Tokenize: a text as several tokenizers cut it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.app.markup import Markup, join, table, tag
from tunelab.app.names import pick
from tunelab.errors import UsageError
from tunelab.tokenizers.catalog import CATALOG
from tunelab.tokenizers.direction import runs_right_to_left, visible
from tunelab.tokenizers.pieces import BYTES, SPECIAL, UNKNOWN

EXAMPLE = "کتاب‌هایم را می‌خوانم. I am reading my books."
MOST_CHARACTERS = 20_000
_MOST_PIECES = 1_500
_CODE = re.compile(r"(⟨[0-9A-F]+⟩)")
_KINDS = {SPECIAL: "special", UNKNOWN: "unknown", BYTES: "bytes"}
_MEASURES = {
    "tokens": "tokens",
    "fertility": "tokens a word",
    "characters_per_token": "characters a token",
    "bytes_per_token": "bytes a token",
    "words_kept_whole": "words kept whole",
    "byte_fallback_rate": "tokens that are bytes",
    "unknown_rate": "unknown tokens",
}


def tokenizer_choices() -> list[str]:
    """The tokenizers that the page offers."""
    return list(CATALOG)


def tokenize(text: str, names: Sequence[str]) -> tuple[Markup, Markup]:
    """The coloured pieces, and the measures beside each other.

    Raises:
        UsageError: no text, too much of it, no tokenizer, or half a character in it.
        RunError: a tokenizer cannot be fetched.
    """
    from tunelab.tokenizers.compare import compare_text
    from tunelab.tokenizers.loading import load

    if not text:
        raise UsageError("write a text first.")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"the text has {len(text):,} characters; {MOST_CHARACTERS:,} are shown.")
    if not names:
        raise UsageError("choose at least one tokenizer.")
    known = tokenizer_choices()
    tokenizers = [load(pick("tokenizer", name, known)) for name in dict.fromkeys(names)]
    try:
        results = compare_text(tokenizers, text, seed=42)
    except ValueError as error:
        raise UsageError(f"the text cannot be cut: {error}.") from None
    return join(draw(result, text) for result in results), measures(results)


def draw(result: Mapping[str, Any], text: str) -> Markup:
    """One tokenizer's pieces as HTML, in the direction that the text runs."""
    pieces = list(zip(result["pieces"], result["kinds"], result["ids"], strict=True))
    shown, colour = [], 0
    for piece, kind, number in pieces[:_MOST_PIECES]:
        own = _KINDS.get(kind)
        style = own or f"c{colour % 4}"
        colour += own is None
        title = f"id {number}" + (f", {own}" if own else "")
        content = _with_codes(visible(piece))
        # What is no text of the script keeps its own direction and joins no letters.
        shown.append(
            tag("bdi" if own else "span", content, class_=f"tl-piece {style}", title=title)
        )
    left_out = len(pieces) - len(shown)
    controls = sum(kind == SPECIAL for kind in result["kinds"])
    counted = f"{result['tokens']:,} tokens"
    if controls:
        counted += f" and {controls} control token{'s' if controls > 1 else ''}"
    return tag(
        "section",
        tag("h2", result["tokenizer"], " ", tag("small", f"{result['algorithm']}, {counted}")),
        tag("p", *shown, class_="tl-pieces", dir="rtl" if runs_right_to_left(text) else "ltr"),
        tag("p", f"{left_out:,} more pieces are not shown.") if left_out else "",
        tag(
            "details",
            tag("summary", "Ids"),
            tag("p", " ".join(map(str, result["ids"][:_MOST_PIECES])), class_="tl-ids"),
        ),
    )


def measures(results: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each measure and a column for each tokenizer."""
    rows = [
        {"measure": title, **{one["tokenizer"]: one.get(name) for one in results}}
        for name, title in _MEASURES.items()
    ]
    rows.append(
        {"measure": "comes back", **{one["tokenizer"]: _comes_back(one) for one in results}}
    )
    return table(rows, caption="Measures of the text")


def _comes_back(result: Mapping[str, Any]) -> str:
    trip = result["round_trip"]
    if trip["lost"]:
        return "without " + ", ".join(f"{count} {name}" for name, count in trip["lost"].items())
    return "exactly" if trip["exact"] else "changed"


def _with_codes(shown: str) -> Markup:
    return join(
        tag("bdi", part, class_="tl-code") if _CODE.fullmatch(part) else part
        for part in _CODE.split(shown)
        if part
    )
