"""Label distributions: every split beside the full data that it was drawn from."""

from typing import TYPE_CHECKING, Any

from tunelab.report.run_folder import RunFolder
from tunelab.report.style import PALETTE

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Labels in every split, beside the full data"


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: split, rows (sample or full data), label, count, share."""
    import pandas as pd

    names = {"full": "full data", "sample": "sample"}
    rows = []
    for key, name in names.items():
        for split, counts in run.prepared.values["counts"][key].items():
            total = sum(counts.values())
            for label, count in counts.items():
                rows.append(
                    {
                        "split": split,
                        "rows": name,
                        "label": label,
                        "count": count,
                        "share": count / total if total else None,
                    }
                )
    return pd.DataFrame(rows, columns=["split", "rows", "label", "count", "share"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words."""
    sample = table[table["rows"] == "sample"]
    parts = []
    for split, group in sample.groupby("split", sort=False):
        counts = ", ".join(
            f"{label} {count}" for label, count in zip(group["label"], group["count"], strict=True)
        )
        parts.append(f"{split}: {counts}")
    return ". ".join(parts)


def draw(table: "pd.DataFrame") -> Any:
    """For each split, bars of the shares in the sample and in the full data."""
    import altair as alt

    labels = list(dict.fromkeys(table["label"]))
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("label:N", sort=labels, title=None, axis=alt.Axis(labelAngle=-35)),
            xOffset=alt.XOffset("rows:N", sort=["full data", "sample"]),
            y=alt.Y("share:Q", title="share of rows", axis=alt.Axis(format="%")),
            color=alt.Color(
                "rows:N",
                sort=["full data", "sample"],
                scale=alt.Scale(range=[PALETTE[6], PALETTE[0]]),
                title=None,
            ),
            column=alt.Column("split:N", sort=["train", "validation", "test"], title=None),
            tooltip=["split", "rows", "label", "count", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=190, height=200)
    )
