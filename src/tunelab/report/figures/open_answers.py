"""Open answers of each model at each temperature: length, end, rightness, repetition."""

from typing import TYPE_CHECKING, Any

from tunelab.generation.open_record import read_open
from tunelab.numbers import mean_count, number
from tunelab.report.style import PALETTE, WIDTH, faded, focus_on, names_legend
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Answers to open prompts, by model and temperature"
_MEASURES = {
    "open_tokens": "tokens of an answer",
    "open_stopped": "ended by themselves",
    "open_right": "with what was expected",
    "open_repetition": "repeated 3-grams",
}
_COLUMNS = ["model", "temperature", "measure", "value", "low", "high", "bound"]


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, temperature, measure, value, low, high (95 % intervals over prompts), bound.

    The bound is "at least" where answers were cut, and empty elsewhere.
    """
    import pandas as pd

    rows = []
    for row in (read_open(run) or {}).get("comparison", ()):
        for key, name in _MEASURES.items():
            found = row[key]
            if found["value"] is not None:
                value, low, high = found["value"], found["low"], found["high"]
                model, temperature = row["model"], f"{row['temperature']:g}"
                bound = found.get("bound") or ""
                rows.append([model, temperature, name, value, low, high, bound])
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words."""
    parts = []
    for measure, group in table.groupby("measure", sort=False):
        write = mean_count if measure == _MEASURES["open_tokens"] else number
        values = ", ".join(
            f"{row['model']} {row['bound'] + ' ' if row['bound'] else ''}{write(row['value'])} "
            f"(at {row['temperature']})"
            for row in group.to_dict("records")
        )
        parts.append(f"{measure}: {values}")
    return "; ".join(parts)


def draw(table: "pd.DataFrame") -> Any:
    """A panel for each measure: points with whiskers, temperatures below one another."""
    import altair as alt

    models = list(dict.fromkeys(table["model"]))
    focus = focus_on("model")
    panels = []
    for name in dict.fromkeys(table["measure"]):
        part = table[table["measure"] == name]
        base = alt.Chart(part).encode(
            y=alt.Y("temperature:N", title="temperature", sort=None),
            yOffset=alt.YOffset("model:N", sort=models),
            opacity=faded(focus),
            color=alt.Color(
                "model:N",
                scale=alt.Scale(range=list(PALETTE)),
                title=None,
                legend=names_legend(list(dict.fromkeys(table["model"]))),
            ),
        )
        points = base.mark_point(filled=True, size=48).encode(
            x=alt.X("value:Q", title=name, scale=alt.Scale(zero=True))
        )
        whiskers = (
            base.transform_filter("isValid(datum.low)").mark_rule().encode(x="low:Q", x2="high:Q")
        )
        panels.append((whiskers + points).properties(width=WIDTH // 2 - 90, height=alt.Step(14)))
    panels[0] = panels[0].add_params(focus)
    return alt.concat(*panels, columns=2)
