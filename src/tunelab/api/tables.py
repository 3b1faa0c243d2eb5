"""Data frames that the front door returns, and how they are shown."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = {
    *("name", "kind", "model", "method", "mode", "left", "right", "metric", "test", "reason"),
    *("measure", "title", "slice", "part", "classifier"),
}
_COUNTS = {"seed", "unparsed", "rows", "rows_needed", "seeds"}
# An undefined value, for people.
_NOTHING = "–"


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> "pd.DataFrame":
    """Rows as a data frame; ``columns`` are those of a frame without rows.

    An undefined value is <NA>, never 0 and never NaN.
    """
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=None if rows else list(columns))
    return table.astype(
        {
            name: "string" if name in _TEXTS else "Int64" if name in _COUNTS else "Float64"
            for name in table.columns
        }
    )


def as_text(table: "pd.DataFrame") -> str:
    """A table for a terminal."""
    return table.round(3).to_string(index=False, na_rep=_NOTHING)


def as_html(table: "pd.DataFrame") -> str:
    """A table for a notebook; its cells are escaped."""
    html: str = table.round(3).to_html(index=False, na_rep=_NOTHING, escape=True, border=0)
    return html
