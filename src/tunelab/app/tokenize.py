"""Tokenize: a text as several tokenizers cut it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.app.downloads import (
    Download,
    DownloadNeededError,
    megabytes,
    missing_tokenizers,
    open_tokenizer,
)
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
    "fertility": "tokens per word",
    "characters_per_token": "characters per token",
    "bytes_per_token": "bytes per token",
    "words_kept_whole": "share of words that are one token",
    "byte_fallback_rate": "share of tokens that are single bytes",
    "unknown_rate": "share of unknown tokens",
}


def tokenizer_names(more: Sequence[str]) -> list[str]:
    """The tokenizers that the page offers: those of the catalog and of the models given."""
    from tunelab.models.catalog import CATALOG as MODELS

    return [*CATALOG, *dict.fromkeys(name for name in more if name not in MODELS)]


def tokenizer_choices(more: Sequence[str]) -> list[tuple[str, str]]:
    """What the list shows of each tokenizer, and its name."""
    names = tokenizer_names(more)
    missing = {one.name: one for one in missing_tokenizers(names)}
    return [(_shown(name, missing.get(name)), name) for name in names]


def default_tokenizers(more: Sequence[str]) -> list[str]:
    """What is ticked at first: up to two that are on this machine, else the smallest download."""
    names = tokenizer_names(more)
    missing = {one.name: one for one in missing_tokenizers(names)}
    here = [name for name in names if name not in missing]
    return here[:2] or [min(missing.values(), key=lambda one: one.size or 0).name]


def _shown(name: str, missing: Download | None) -> str:
    if missing is not None:
        size = f"{megabytes(missing.size)} to download" if missing.size else "to download"
        return f"{name} ({size})"
    return name if name in CATALOG else Path(name).name


def tokenize(text: str, names: Sequence[str], more: Sequence[str] = ()) -> tuple[Markup, Markup]:
    """The coloured pieces, and the measures beside each other.

    Raises:
        UsageError: no text, too much of it, no tokenizer, or half a character in it.
        DownloadNeededError: a tokenizer is not on this machine.
        RunError: a tokenizer cannot be read.
    """
    from tunelab.tokenizers.compare import compare_text

    if not text:
        raise UsageError("write a text first.")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"the text has {len(text):,} characters; {MOST_CHARACTERS:,} are shown.")
    if not names:
        raise UsageError("choose at least one tokenizer.")
    known = tokenizer_names(more)
    chosen = [pick("tokenizer", name, known) for name in dict.fromkeys(names)]
    missing = missing_tokenizers(chosen)
    if missing:
        raise DownloadNeededError(missing)
    tokenizers = [open_tokenizer(name) for name in chosen]
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
            tag("summary", "Token ids"),
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
        {
            "measure": "text after decoding",
            **{one["tokenizer"]: _round_trip(one) for one in results},
        }
    )
    return table(rows, caption="Measures of this text")


def _round_trip(result: Mapping[str, Any]) -> str:
    trip = result["round_trip"]
    if trip["lost"]:
        return "lost: " + ", ".join(f"{count} {name}" for name, count in trip["lost"].items())
    return "the same" if trip["exact"] else "changed"


def _with_codes(shown: str) -> Markup:
    return join(
        tag("bdi", part, class_="tl-code") if _CODE.fullmatch(part) else part
        for part in _CODE.split(shown)
        if part
    )
