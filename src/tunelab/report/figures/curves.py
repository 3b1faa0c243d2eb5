"""Loss and perplexity over the steps of training, with the learning rate."""

from typing import TYPE_CHECKING, Any

from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, WIDTH, faded, focus_on, names_legend
from tunelab.runs.run_folder import RunFolder, history

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Loss, perplexity and learning rate in training"
_QUANTITIES = {
    "loss": "loss (nats a token, or a label)",
    "perplexity": "perplexity",
    "learning_rate": "learning rate",
}
# Points of all lines together, at least of each line, and together where points are marked.
_POINTS = 4000
_LEAST = 12
_MARKED = 1000
# Runs whose training losses can be told apart; of more of them the validation alone is drawn.
_RUNS = 7


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: run, step, split, quantity, value."""
    import pandas as pd

    columns = ["run", "step", "split", "quantity", "value"]
    tables = [
        history(result)
        .melt(["step", "split"], list(_QUANTITIES), "quantity", "value")
        .assign(run=result.name)
        .dropna(subset=["value"])
        for result in run.tuned
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
    description = listed(parts, joint="; ") or "No training was validated"
    shown = _readable(table)
    if len(shown) < len(table):
        description += (
            f". Of {table['run'].nunique()} runs the losses in validation alone are drawn"
        )
    if len(thinned(shown)) < len(shown):
        description += ". Of long lines, the lowest and highest value of every stretch are drawn"
    return description


def draw(table: "pd.DataFrame") -> Any:
    """One panel a quantity: lines for training and validation of each run."""
    import altair as alt

    table = thinned(_readable(table))
    points: Any = alt.OverlayMarkDef(size=18) if len(table) <= _MARKED else False
    names = short_names(table["run"])
    table = table.assign(run=table["run"].map(names))
    focus = focus_on("run")
    panels = []
    for quantity, title in _QUANTITIES.items():
        part = table[table["quantity"] == quantity]
        scale = alt.Scale(type="log") if quantity == "perplexity" else alt.Scale(zero=False)
        panels.append(
            alt.Chart(part)
            .mark_line(point=points)
            .encode(
                x=alt.X("step:Q", title="optimizer step"),
                y=alt.Y("value:Q", title=title, scale=scale),
                color=alt.Color(
                    "run:N",
                    sort=list(names.values()),
                    scale=alt.Scale(range=list(PALETTE)),
                    title=None,
                    legend=names_legend(list(names.values())),
                ),
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


def _readable(table: "pd.DataFrame") -> "pd.DataFrame":
    """Of many runs the validation alone, as their training losses lie on each other."""
    validated = table["split"] == "validation"
    if table["run"].nunique() <= _RUNS or not validated.any():
        return table
    return table[validated | (table["quantity"] == "learning_rate")]


def thinned(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with fewer points on long lines, so that all lines together have a bounded number.

    Each line is cut into stretches of as many points, of which the lowest and the highest stay,
    and its ends: a spike of one step is still seen.
    """
    import pandas as pd

    lines = [group for _, group in table.groupby(["run", "split", "quantity"], sort=False)]
    limit = max(_LEAST, _POINTS // max(1, len(lines)))
    if all(len(line) <= limit for line in lines):
        return table
    kept = []
    for line in lines:
        if len(line) > limit:
            line = line.sort_values("step", kind="stable").reset_index(drop=True)
            stretch = line.index // -(-len(line) // ((limit - 2) // 2))
            values = line.groupby(stretch)["value"]
            positions = {0, len(line) - 1, *values.idxmin(), *values.idxmax()}
            line = line.loc[sorted(positions)]
        kept.append(line)
    return pd.concat(kept, ignore_index=True)
