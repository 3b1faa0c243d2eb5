"""Label distributions: every split beside the full data that it was drawn from."""

from typing import TYPE_CHECKING, Any

from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Labels in every split, beside the full data"
# Labels that stand side by side; more of them stand below one another.
_UPRIGHT = 12
# Of more than twice so many labels, those with the most and those with the fewest rows.
_ENDS = 12
_SPLITS = ["train", "validation", "test"]


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
    """The chart in words: the rows of each label, or of the most and least frequent ones."""
    sample = table[table["rows"] == "sample"]
    names = short_names(table["label"])
    parts = []
    for split, group in sample.groupby("split", sort=False):
        if len(group) <= _UPRIGHT:
            counts = listed(
                [
                    f"{names[label]} {count}"
                    for label, count in zip(group["label"], group["count"], strict=True)
                ]
            )
        else:
            counts = f"{group['count'].min()} to {group['count'].max()} rows a label"
        parts.append(f"{split}: {counts}")
    description = ". ".join(parts)
    labels = table["label"].nunique()
    if labels > 2 * _ENDS:
        description = (
            f"The {_ENDS} labels with the most training rows and the {_ENDS} with the fewest, of "
            f"{labels}. {description}"
        )
    return description


def draw(table: "pd.DataFrame") -> Any:
    """For each split, bars of the shares in the sample and in the full data."""
    import altair as alt

    labels = list(dict.fromkeys(table["label"]))
    names = short_names(labels)
    if len(labels) > _UPRIGHT:
        labels = _ends(table, labels)
    shown = [names[label] for label in labels]
    table = table[table["label"].isin(labels)]
    table = table.assign(label=table["label"].map(names))
    share = {"title": "share of rows", "axis": alt.Axis(format="%", tickCount=4)}
    base = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            color=alt.Color(
                "rows:N",
                sort=["full data", "sample"],
                scale=alt.Scale(range=[PALETTE[6], PALETTE[0]]),
                title=None,
            ),
            column=alt.Column("split:N", sort=_SPLITS, title=None),
            tooltip=["split", "rows", "label", "count", alt.Tooltip("share:Q", format=".1%")],
        )
    )
    if len(labels) > _UPRIGHT:
        return base.encode(
            y=alt.Y("label:N", sort=shown, title=None),
            yOffset=alt.YOffset("rows:N", sort=["full data", "sample"]),
            x=alt.X("share:Q", **share),
        ).properties(width=170, height=alt.Step(8))
    return base.encode(
        x=alt.X("label:N", sort=shown, title=None, axis=alt.Axis(labelAngle=-35)),
        xOffset=alt.XOffset("rows:N", sort=["full data", "sample"]),
        y=alt.Y("share:Q", **share),
    ).properties(width=190, height=200)


def _ends(table: "pd.DataFrame", labels: list[str]) -> list[str]:
    """The labels by their training rows, the most frequent first; of many, the two ends."""
    sample = table[(table["rows"] == "sample") & (table["split"] == "train")]
    counts = dict(zip(sample["label"], sample["count"], strict=True))
    ranked = sorted(labels, key=lambda label: -int(counts.get(label, 0)))
    return ranked if len(ranked) <= 2 * _ENDS else [*ranked[:_ENDS], *ranked[-_ENDS:]]
