"""Fertility and premium of every tokenizer, by language."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunelab.report.style import PALETTE, WIDTH, faded, focus_on, names_legend
from tunelab.report.tokenizer_record import read_record
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Tokens a word, and tokens against the base language on the same sentences"
_COLUMNS = ["tokenizer", "language", "measure", "value", "low", "high"]
_MEASURES = {"fertility": "fertility (tokens a word)", "premium": "premium"}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: tokenizer, language, measure, value, low, high (95 % intervals)."""
    return from_record(read_record(run))


def from_record(record: Mapping[str, Any] | None) -> "pd.DataFrame":
    """The same from a record; empty without one."""
    import pandas as pd

    rows = []
    for row in (record or {}).get("parallel", ()):
        for code, measured in row["languages"].items():
            for key, name in _MEASURES.items():
                if measured[key] is None:
                    continue
                low, high = measured["intervals"].get(key) or (None, None)
                language = record["languages"].get(code, code) if record else code
                rows.append([row["tokenizer"], language, name, measured[key], low, high])
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words: the premium of every tokenizer from the lowest language on."""
    premium = table[table["measure"] == "premium"].sort_values("value")
    parts = [
        f"{name}: " + ", ".join(f"{row.language} {row.value:.2f}" for row in group.itertuples())
        for name, group in premium.groupby("tokenizer", sort=False)
    ]
    return "Premium by language. " + "; ".join(parts)


def draw(table: "pd.DataFrame") -> Any:
    """Points with interval whiskers, one panel a measure, languages below one another."""
    import altair as alt

    focus = focus_on("tokenizer")
    panels = []
    for name in dict.fromkeys(table["measure"]):
        part = table[table["measure"] == name]
        languages = list(dict.fromkeys(part["language"]))
        base = alt.Chart(part).encode(
            y=alt.Y("language:N", sort=languages, title=None),
            yOffset=alt.YOffset("tokenizer:N", sort=list(dict.fromkeys(part["tokenizer"]))),
            opacity=faded(focus),
            color=alt.Color(
                "tokenizer:N",
                scale=alt.Scale(range=list(PALETTE)),
                title=None,
                legend=names_legend(list(dict.fromkeys(table["tokenizer"]))),
            ),
        )
        points = base.mark_point(filled=True, size=42).encode(
            x=alt.X("value:Q", title=name, scale=alt.Scale(zero=True)),
            tooltip=["tokenizer", "language", alt.Tooltip("value:Q", format=".2f")],
        )
        whiskers = (
            base.transform_filter("isValid(datum.low)").mark_rule().encode(x="low:Q", x2="high:Q")
        )
        panels.append((whiskers + points).properties(width=WIDTH // 2 - 60, height=alt.Step(9)))
    panels[0] = panels[0].add_params(focus)
    return alt.hconcat(*panels)
