"""The heat map of what vocabularies share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunelab.report.tokenizer_record import read_record
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Pieces that two vocabularies share, of all pieces of either"
_COLUMNS = ["left", "right", "jaccard", "shared"]


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: left, right, jaccard (0 to 1), shared (pieces)."""
    return from_record(read_record(run))


def from_record(record: Mapping[str, Any] | None) -> "pd.DataFrame":
    """The same from a record; empty without two tokenizers. Both orders of a pair have a row."""
    import pandas as pd

    pairs = (record or {}).get("overlap", ())
    rows = [[pair[name] for name in _COLUMNS] for pair in pairs]
    rows += [[right, left, *rest] for left, right, *rest in rows if left != right]
    return pd.DataFrame(rows if len(rows) > 1 else [], columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words."""
    pairs = table[table["left"] < table["right"]].sort_values("jaccard", ascending=False)
    parts = [f"{row.left} and {row.right} {row.jaccard:.0%}" for row in pairs.itertuples()]
    return "Shared pieces: " + ", ".join(parts)


def draw(table: "pd.DataFrame") -> Any:
    """Squares, darker where more is shared, with the share written in them."""
    import altair as alt

    names = list(dict.fromkeys(table["left"]))
    base = alt.Chart(table).encode(
        x=alt.X("left:N", sort=names, title=None, axis=alt.Axis(labelAngle=-35)),
        y=alt.Y("right:N", sort=names, title=None),
    )
    squares = base.mark_rect().encode(
        color=alt.Color("jaccard:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=["left", "right", "shared", alt.Tooltip("jaccard:Q", format=".1%")],
    )
    written = base.mark_text(fontSize=11).encode(
        text=alt.Text("jaccard:Q", format=".0%"),
        color=alt.condition("datum.jaccard > 0.5", alt.value("white"), alt.value("#222")),
    )
    return (squares + written).properties(width=alt.Step(64), height=alt.Step(44))
