"""How many characters the tokens of every tokenizer stand for, by language."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunelab.report.style import PALETTE, faded, focus_on, names_legend
from tunelab.report.tokenizer_record import read_record
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Characters that a token stands for"
_COLUMNS = ["tokenizer", "language", "characters", "share"]


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: tokenizer, language, characters (16 is 16 or more), share of the tokens."""
    return from_record(read_record(run))


def from_record(record: Mapping[str, Any] | None) -> "pd.DataFrame":
    """The same from a record; empty without one."""
    import pandas as pd

    if not record or not record.get("piece_lengths"):
        return pd.DataFrame([], columns=_COLUMNS)
    table = pd.DataFrame(record["piece_lengths"])
    totals = table.groupby(["tokenizer", "language"])["tokens"].transform("sum")
    table["share"] = table["tokens"] / totals
    table["language"] = [record["languages"].get(code, code) for code in table["language"]]
    return table[_COLUMNS]


def describe(table: "pd.DataFrame") -> str:
    """The chart in words: the share of tokens of one character or a part of one."""
    short = table[table["characters"] <= 1].groupby(["language", "tokenizer"], sort=False)
    sums = short["share"].sum().reset_index()
    parts = [f"{row.tokenizer} in {row.language} {row.share:.0%}" for row in sums.itertuples()]
    return "Tokens of one character or less: " + ", ".join(parts)


def draw(table: "pd.DataFrame") -> Any:
    """A small panel for each language, a line for each tokenizer."""
    import altair as alt

    focus = focus_on("tokenizer")
    languages = list(dict.fromkeys(table["language"]))
    return (
        alt.Chart(table)
        .mark_line(point=alt.OverlayMarkDef(size=14))
        .encode(
            x=alt.X("characters:Q", title="characters", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("share:Q", title="share of tokens", axis=alt.Axis(format="%")),
            color=alt.Color(
                "tokenizer:N",
                scale=alt.Scale(range=list(PALETTE)),
                title=None,
                legend=names_legend(list(dict.fromkeys(table["tokenizer"]))),
            ),
            facet=alt.Facet("language:N", columns=3, sort=languages, title=None),
            opacity=faded(focus),
            tooltip=["tokenizer", "language", "characters", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=180, height=120)
        .add_params(focus)
    )
