"""Three accuracies side by side: in words, by likelihood, and under teacher forcing."""

from typing import TYPE_CHECKING, Any

from tunelab.numbers import number
from tunelab.report.shortened import listed, short_names
from tunelab.report.style import PALETTE, WIDTH, choice_of, names_axis
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Three accuracies of the same models"
# Models that stand side by side, and those that a figure has at all: the first ones.
_UPRIGHT = 10
_MOST = 40
_WAYS = {
    "generated": "answered in words",
    "scored": "likeliest label",
    "forced": "teacher forcing",
}


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, way, value, low, high; only models that were asked in two ways or more."""
    import pandas as pd

    rows = []
    for result in run.evaluated:
        found = {
            way: values["intervals"]["accuracy"] if way != "forced" else values
            for way in _WAYS
            if (values := result.values[way]) is not None
        }
        if len(found) > 1:
            rows += [
                {"model": result.name, "way": _WAYS[way], **_plain(values)}
                for way, values in found.items()
            ]
    return pd.DataFrame(rows, columns=["model", "way", "value", "low", "high"])


def describe(table: "pd.DataFrame") -> str:
    """The chart in words, for readers who do not see it."""
    models = []
    for model, rows in table.groupby("model", sort=False):
        ways = ", ".join(f"{row.way} {number(row.value)}" for row in rows.itertuples())
        models.append(f"{model}: {ways}")
    chosen = f"The first {_MOST} models of {len(models)}. " if len(models) > _MOST else ""
    return chosen + listed(models, joint="; ")


def draw(table: "pd.DataFrame") -> Any:
    """Bars grouped by model, one colour a way; whiskers are 95 % Wilson intervals."""
    import altair as alt

    names = short_names(list(dict.fromkeys(table["model"]))[:_MOST])
    table = table[table["model"].isin(names)]
    table, models = table.assign(model=table["model"].map(names)), list(names.values())
    ways = [way for way in _WAYS.values() if way in set(table["way"])]
    choice = choice_of("way", ways)
    if len(models) > _UPRIGHT:
        return _level(table, models, ways, choice)
    base = (
        alt.Chart(table)
        .transform_filter(choice)
        .encode(
            x=alt.X(
                "model:N",
                sort=models,
                title=None,
                axis=names_axis(models),
            ),
            xOffset=alt.XOffset("way:N", sort=ways),
        )
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", scale=alt.Scale(domain=[0, 1]), title="accuracy"),
        color=alt.Color("way:N", sort=ways, scale=alt.Scale(range=list(PALETTE)), title=None),
        tooltip=["model", "way", alt.Tooltip("value:Q", format=".3f")],
    )
    whiskers = base.mark_rule(color="#222").encode(y="low:Q", y2="high:Q")
    labels = base.mark_text(dy=-5, fontSize=10).encode(
        y="high:Q", text=alt.Text("value:Q", format=".2f")
    )
    return (bars.add_params(choice) + whiskers + labels).properties(width=WIDTH, height=280)


def _level(table: "pd.DataFrame", models: list[str], ways: list[str], choice: Any) -> Any:
    """Points with whiskers, models below one another, as bars would be too thin to see."""
    import altair as alt

    base = (
        alt.Chart(table)
        .transform_filter(choice)
        .encode(
            y=alt.Y("model:N", sort=models, title=None),
            yOffset=alt.YOffset("way:N", sort=ways),
            color=alt.Color("way:N", sort=ways, scale=alt.Scale(range=list(PALETTE)), title=None),
        )
    )
    points = base.mark_point(filled=True, size=36).encode(
        x=alt.X("value:Q", scale=alt.Scale(domain=[0, 1]), title="accuracy"),
        tooltip=["model", "way", alt.Tooltip("value:Q", format=".3f")],
    )
    whiskers = base.mark_rule().encode(x="low:Q", x2="high:Q")
    return (points.add_params(choice) + whiskers).properties(width=WIDTH - 160, height=alt.Step(8))


def _plain(estimate: dict[str, Any]) -> dict[str, Any]:
    return {key: estimate[key] for key in ("value", "low", "high")}
