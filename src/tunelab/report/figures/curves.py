"""Loss and perplexity over the steps of training, with the learning rate."""

from typing import TYPE_CHECKING, Any

from tunelab.report.run_folder import RunFolder, history
from tunelab.report.style import PALETTE, WIDTH, faded, focus_on

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Loss, perplexity and learning rate in training"
_QUANTITIES = {
    "loss": "loss (nats a token)",
    "perplexity": "perplexity",
    "learning_rate": "learning rate",
}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: run, step, split, quantity, value."""
    import pandas as pd

    columns = ["run", "step", "split", "quantity", "value"]
    tables = [
        history(result)
        .melt(["step", "split"], list(_QUANTITIES), "quantity", "value")
        .assign(run=result.name)
        .dropna(subset=["value"])
        for result in run.trained
    ]
    return pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words."""
    loss = table[(table["quantity"] == "loss") & (table["split"] == "validation")]
    parts = [
        f"{name}: validation loss from {group['value'].iloc[0]:.3f} to a least of "
        f"{group['value'].min():.3f}"
        for name, group in loss.groupby("run", sort=False)
    ]
    return ". ".join(parts) or "No training was validated"


def draw(table: "pd.DataFrame") -> Any:
    """One panel a quantity: lines for training and validation of each run."""
    import altair as alt

    focus = focus_on("run")
    panels = []
    for quantity, title in _QUANTITIES.items():
        part = table[table["quantity"] == quantity]
        scale = alt.Scale(type="log") if quantity == "perplexity" else alt.Scale(zero=False)
        panels.append(
            alt.Chart(part)
            .mark_line(point=alt.OverlayMarkDef(size=18))
            .encode(
                x=alt.X("step:Q", title="optimizer step"),
                y=alt.Y("value:Q", title=title, scale=scale),
                color=alt.Color("run:N", scale=alt.Scale(range=list(PALETTE)), title=None),
                strokeDash=alt.StrokeDash(
                    "split:N",
                    sort=["train", "validation"],
                    scale=alt.Scale(domain=["train", "validation"], range=[[1, 0], [5, 3]]),
                    title=None,
                    legend=alt.Legend(symbolType="stroke", symbolSize=400),
                ),
                opacity=faded(focus),
                tooltip=["run", "split", "step", alt.Tooltip("value:Q", format=".4g")],
            )
            .properties(width=WIDTH // 2 - 40, height=210)
        )
    panels[0] = panels[0].add_params(focus)
    return alt.concat(*panels, columns=2)
