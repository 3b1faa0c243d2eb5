"""The share of wrong answers among those that are kept, the surest first."""

from typing import TYPE_CHECKING, Any

from tunelab.numbers import share
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE
from tunelab.runs.run_folder import RunFolder
from tunelab.study.judging.review import reviews_of

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Wrong answers by the share of answers that are kept"
_COLUMNS = ["model", "coverage", "risk", "allowed"]
_MOST = 7


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, coverage, risk, allowed (the wanted risk); a row for each point."""
    import pandas as pd

    reviews = reviews_of(run)
    rows = [
        [one.name, coverage, risk, 1 - reviews.accuracy]
        for one in reviews.reviews
        for coverage, risk in zip(one.curve.coverage, one.curve.risk, strict=True)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    told = []
    for model, rows in table.groupby("model", sort=False):
        half = rows.iloc[(rows["coverage"] - 0.5).abs().argmin()]
        told.append(
            f"{model} is wrong in {share(rows.iloc[-1]['risk'])} of all answers and in "
            f"{share(half['risk'])} of the surer half"
        )
    chosen = f"The first {_MOST} classifiers of {len(told)}. " if len(told) > _MOST else ""
    return chosen + listed(told, joint="; ")


def draw(table: "pd.DataFrame") -> Any:
    """A line for each classifier; the dashed one is what the study allows."""
    import altair as alt
    import pandas as pd

    names = short_names(list(dict.fromkeys(table["model"]))[:_MOST])
    table = table[table["model"].isin(names)].assign(model=lambda rows: rows["model"].map(names))
    scale = alt.Scale(domain=list(names.values()), range=list(PALETTE[: len(names)]))
    lines = (
        alt.Chart(table)
        .mark_line(interpolate="linear")
        .encode(
            x=alt.X(
                "coverage:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%"),
                title="share of answers that are kept, the surest first",
            ),
            y=alt.Y("risk:Q", axis=alt.Axis(format="%"), title="wrong among them"),
            color=alt.Color("model:N", scale=scale, title=None),
            tooltip=["model", "coverage", "risk"],
        )
        .properties(width=520, height=260)
    )
    allowed = (
        alt.Chart(pd.DataFrame({"risk": [float(table["allowed"].iloc[0])]}))
        .mark_rule(color="#888", strokeDash=[4, 4])
        .encode(y="risk:Q")
    )
    return alt.layer(allowed, lines)
