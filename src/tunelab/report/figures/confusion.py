"""Confusion matrices: what each model answers for each true label."""

from typing import TYPE_CHECKING, Any

from tunelab.numbers import counted
from tunelab.report.shortened import listed, short_names
from tunelab.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Confusion matrices"
_UNPARSED = "(unparsed)"
_OTHERS = "(other labels)"
_COLUMNS = ["model", "truth", "predicted", "count", "share"]
# Labels of a matrix that shows them all; with more, each model has the ones it confuses most.
WHOLE = 16
_MOST_CONFUSED = 12
# Matrices on a page: of all labels, and of a choice of them, which is another one in each matrix.
_MATRICES = 12
_MATRICES_OF_MANY = 6
_CELL = 26
_LETTER = 6.5
_PAGE = 900


def collect(run: RunFolder) -> "pd.DataFrame":
    """Columns: model, truth, predicted, count, share of the true label's rows.

    With more than :data:`WHOLE` labels, only what occurred: 1,000 labels have a million cells.
    """
    import pandas as pd

    rows = []
    for result in run.evaluated:
        scores = result.values["scores"]
        columns = [*scores["labels"], _UNPARSED]
        whole = len(scores["labels"]) <= WHOLE
        for truth, counts in zip(scores["labels"], scores["confusion"], strict=True):
            total = sum(counts)
            rows += [
                [result.name, truth, predicted, count, count / total if total else None]
                for predicted, count in zip(columns, counts, strict=True)
                if whole or count
            ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def describe(table: "pd.DataFrame") -> str:
    """The chart in words: what it leaves out, and each model's most frequent mistake."""
    wrong = table[(table["truth"] != table["predicted"]) & (table["count"] > 0)]
    names = short_names([*table["truth"], *table["predicted"]])
    parts = []
    for name, group in wrong.groupby("model", sort=False):
        worst = group.sort_values("count").iloc[-1]
        truth, given = names[worst["truth"]], names[worst["predicted"]]
        mistake = f"takes {truth} for {given}"
        if worst["predicted"] == _UNPARSED:
            mistake = f"gives no label for {truth}"
        parts.append(f"{name} most often {mistake} ({counted(int(worst['count']), 'row')})")
    description = listed(parts, joint="; ") or "No model made a mistake"
    models, labels = table["model"].nunique(), _labels(table)
    chosen = []
    if len(labels) > WHOLE:
        chosen.append(
            f"each matrix has the {_MOST_CONFUSED} labels, of {len(labels)} that occur, that "
            "its model confuses most, and sums up the others"
        )
    shown = _limit(labels)
    if models > shown:
        chosen.append(f"these are the {shown} models, of {models}, that are right most often")
    return ". ".join([*(part.capitalize() for part in chosen), description])


def draw(table: "pd.DataFrame") -> Any:
    """One heat map a model, coloured by the share of each true label's rows."""
    import altair as alt

    labels = _labels(table)
    models = _best(table, _limit(labels))
    table = table[table["model"].isin(models)]
    if len(labels) <= WHOLE:
        names = short_names([*labels, *models])
        size = max(150, _CELL * (len(labels) + 1))
        return (
            _cells(alt.Chart(_renamed(table, names)), [names[label] for label in labels])
            .properties(width=size, height=size - _CELL)
            .facet(
                facet=alt.Facet("model:N", sort=[names[name] for name in models], title=None),
                columns=_across(size, [names[label] for label in labels]),
            )
        )
    panels = []
    titles = short_names(models)
    for model in models:
        part, chosen = _confused(table[table["model"] == model])
        names = short_names([*chosen, model])
        sides = [names[label] for label in chosen]
        panels.append(
            _cells(alt.Chart(_renamed(part, names)), sides, _OTHERS).properties(
                width=_CELL * (len(sides) + 2), height=_CELL * len(sides), title=titles[model]
            )
        )
    return alt.concat(*panels, columns=_across(_CELL * (_MOST_CONFUSED + 2), sides))


def _labels(table: "pd.DataFrame") -> list[str]:
    both = [*table["truth"], *table["predicted"]]
    return [label for label in dict.fromkeys(both) if label != _UNPARSED]


def _limit(labels: list[str]) -> int:
    return _MATRICES if len(labels) <= WHOLE else _MATRICES_OF_MANY


def _best(table: "pd.DataFrame", limit: int) -> list[str]:
    """The models that are right most often, in the order of the study."""
    right = table[table["truth"] == table["predicted"]].groupby("model")["count"].sum()
    models = list(dict.fromkeys(table["model"]))
    kept = sorted(models, key=lambda name: -int(right.get(name, 0)))[:limit]
    return [name for name in models if name in kept]


def _confused(table: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
    """A model's cells among the labels of its most frequent mistakes, the rest summed up."""
    import pandas as pd

    wrong = table[(table["truth"] != table["predicted"]) & (table["predicted"] != _UNPARSED)]
    ranked = wrong.sort_values("count", ascending=False, kind="stable")
    pairs = zip(ranked["truth"], ranked["predicted"], strict=True)
    often = table.sort_values("count", ascending=False, kind="stable")["truth"]
    order = dict.fromkeys([*(label for pair in pairs for label in pair), *often])
    # A label that no row has is no line of the matrix.
    known = set(table["truth"])
    chosen = [label for label in order if label in known][:_MOST_CONFUSED]
    inside = table[table["truth"].isin(chosen)]
    columns = [*chosen, _OTHERS, _UNPARSED]
    named = inside["predicted"].where(inside["predicted"].isin([*chosen, _UNPARSED]), _OTHERS)
    counts = inside.groupby([inside["truth"], named])["count"].sum()
    totals = inside.groupby("truth")["count"].sum()
    model = table["model"].iloc[0]
    rows = [
        [
            model,
            truth,
            predicted,
            count := int(counts.get((truth, predicted), 0)),
            count / int(totals[truth]),
        ]
        for truth in chosen
        for predicted in columns
    ]
    return pd.DataFrame(rows, columns=_COLUMNS), chosen


def _renamed(table: "pd.DataFrame", names: dict[str, str]) -> "pd.DataFrame":
    def short(name: str) -> str:
        return names.get(name, name)

    return table.assign(**{key: table[key].map(short) for key in ("model", "truth", "predicted")})


def _across(size: int, labels: list[str]) -> int:
    """How many matrices stand side by side."""
    room = size + max(map(len, labels), default=0) * _LETTER
    return max(1, min(3, int(_PAGE // room)))


def _cells(chart: Any, labels: list[str], *others: str) -> Any:
    import altair as alt

    base = chart.encode(
        x=alt.X(
            "predicted:N",
            sort=[*labels, *others, _UNPARSED],
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
    return cells + text
