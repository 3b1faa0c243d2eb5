"""How `tunelab tokenize` shows what it found: pieces, measures and parallel texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunelab.cli.tables import print_table

_MEASURES = (
    "tokens",
    "words",
    "characters",
    "bytes",
    "fertility",
    "characters_per_token",
    "bytes_per_token",
    "words_kept_whole",
    "unknown_rate",
    "byte_fallback_rate",
    "renyi_efficiency",
)
# The first ids of a text that are shown.
_SHORT = 50


def draw_text(results: Sequence[Mapping[str, Any]], text: str) -> None:
    """The pieces of a text, as each tokenizer cuts it, and the first of their ids."""
    from rich.console import Console

    from tunelab.tokenizers.display import draw_pieces

    console = Console()
    for result in results:
        console.rule(
            f"{result['tokenizer']}: {result['tokens']} tokens, "
            f"{len(result['ids'])} ids with control tokens",
            align="left",
        )
        for line in draw_pieces(result, text, width=console.width):
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
        ids = " ".join(map(str, result["ids"][:_SHORT]))
        more = " …" if len(result["ids"]) > _SHORT else ""
        console.print(f"ids {ids}{more}", style="dim", highlight=False)


def print_measures(results: Sequence[Mapping[str, Any]], format: str, title: str = "") -> None:
    """A row for each tokenizer; for people, who have narrow windows, a column for each."""
    rows = []
    for result in results:
        row = {"tokenizer": result["tokenizer"]}
        row |= {name: result[name] for name in _MEASURES}
        rows.append({**row, "comes_back": _comes_back(result["round_trip"])})
    shown = across(rows) if format == "table" else rows
    print_table(shown, format, title=title, value=results, blocks=format == "table")


def across(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows that are tokenizers, as columns."""
    return [
        {"measure": name.replace("_", " "), **{row["tokenizer"]: row[name] for row in rows}}
        for name in rows[0]
        if name != "tokenizer"
    ]


def _comes_back(trip: Mapping[str, Any]) -> str:
    """The result of the round trip in words."""
    if trip["lost"]:
        return "without " + ", ".join(f"{count} {name}" for name, count in trip["lost"].items())
    return "exactly" if trip["exact"] in (True, trip.get("of")) else "changed"


def parallel_rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each tokenizer and language, for programs."""
    rows = []
    for row in results:
        for code, measured in row["languages"].items():
            low, high = measured["intervals"]["premium"] or (None, None)
            rows.append(
                {
                    "tokenizer": row["tokenizer"],
                    "language": code,
                    **{name: measured[name] for name in (*_MEASURES, "premium")},
                    "premium_low": low,
                    "premium_high": high,
                }
            )
    return rows


def print_parallel(results: Sequence[Mapping[str, Any]], title: str) -> None:
    """Tables that fit a narrow window: a row for each language, a column for each tokenizer."""
    languages = list(results[0]["languages"])

    def table(cell: Callable[[Mapping[str, Any]], Any], title: str) -> None:
        rows = [
            {
                "language": code,
                **{row["tokenizer"]: cell(row["languages"][code]) for row in results},
            }
            for code in languages
        ]
        print_table(rows, "table", title=title, blocks=True)

    table(lambda measured: measured["fertility"], "tokens a word")
    table(_premium, title)
    if len(results) > 1:
        pairs = [_pair_row(pair) for row in results for pair in row["pairs"]]
        print_table(pairs, "table", title="the same sentences, left against right")


def _premium(measured: Mapping[str, Any]) -> str:
    interval = measured["intervals"]["premium"]
    if measured["premium"] is None:
        return "–"
    limits = f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else ""
    return f"{measured['premium']:.2f}{limits}"


def _pair_row(pair: Mapping[str, Any]) -> dict[str, Any]:
    names = ("language", "left", "right", "difference", "ratio", "p_adjusted")
    return {name: pair[name] for name in names}
