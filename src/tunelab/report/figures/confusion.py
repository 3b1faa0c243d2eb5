"""Confusion matrices: what each model answers for each true label."""

from typing import TYPE_CHECKING, Any

from tunelab.report.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Confusion matrices"
_UNPARSED = "(unparsed)"


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, truth, predicted, count, share of the true label's rows."""
    import pandas as pd

    rows = []
    for result in run.evaluated:
        scores = result.values["scores"]
        columns = [*scores["labels"], _UNPARSED]
        for truth, counts in zip(scores["labels"], scores["confusion"], strict=True):
            total = sum(counts)
            for predicted, count in zip(columns, counts, strict=True):
                rows.append(
                    {
                        "model": result.name,
                        "truth": truth,
                        "predicted": predicted,
                        "count": count,
                        "share": count / total if total else None,
                    }
                )
    return pd.DataFrame(rows, columns=["model", "truth", "predicted", "count", "share"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words: each model's most frequent mistake."""
    wrong = table[(table["truth"] != table["predicted"]) & (table["count"] > 0)]
    parts = []
    for name, group in wrong.groupby("model", sort=False):
        worst = group.sort_values("count").iloc[-1]
        parts.append(
            f"{name} most often takes {worst['truth']} for {worst['predicted']} "
            f"({worst['count']} rows)"
        )
    return ". ".join(parts) or "No model made a mistake"


def draw(table: "pd.DataFrame") -> Any:
    """One heat map a model, coloured by the share of each true label's rows."""
    import altair as alt

    labels = list(dict.fromkeys(table["truth"]))
    base = alt.Chart(table).encode(
        x=alt.X(
            "predicted:N",
            sort=[*labels, _UNPARSED],
            title="answered",
            axis=alt.Axis(labelAngle=-45),
        ),
        y=alt.Y("truth:N", sort=labels, title="true"),
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "share:Q",
            scale=alt.Scale(scheme="blues", domain=[0, 1]),
            legend=alt.Legend(format="%", title="share of the true label"),
        ),
        tooltip=["model", "truth", "predicted", "count", alt.Tooltip("share:Q", format=".1%")],
    )
    text = base.mark_text(fontSize=10).encode(
        text="count:Q",
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#222")),
    )
    size = max(150, 26 * (len(labels) + 1))
    return (
        (cells + text)
        .properties(width=size, height=size - 26)
        .facet(
            facet=alt.Facet("model:N", sort=list(dict.fromkeys(table["model"])), title=None),
            columns=3,
        )
    )
