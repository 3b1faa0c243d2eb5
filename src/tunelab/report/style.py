"""How all charts look: fonts, sizes and a palette that colour-blind readers can tell apart."""

from typing import Any

# Okabe and Ito's palette, 2008, without its yellow, which is too light on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5F5F5F")
WIDTH = 640
# The width of a letter of a label, and a little more.
_LETTER = 7.5
# The width of the longest name that stands beside an axis, at shortened.NAME characters.
_LONGEST = 320
# Names of a legend; with more the figure itself has no room for them.
_IN_LEGEND = 60


def styled(chart: Any) -> Any:
    """A chart with the report's fonts and lines."""
    return (
        chart.configure(font="Inter, Segoe UI, Helvetica, Arial, sans-serif", background="white")
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            gridColor="#e6e6e6",
            domainColor="#888",
            labelLimit=_LONGEST,
            # Else the title of an axis would stand on its longest labels.
            maxExtent=_LONGEST + 40,
        )
        .configure_legend(labelFontSize=12, titleFontSize=12, orient="top", labelLimit=_LONGEST)
        .configure_view(stroke=None)
        .configure_title(fontSize=14, anchor="start")
    )


def names_axis(names: list[str]) -> Any:
    """The axis of names below bars: level where all have room, else aslant."""
    import altair as alt

    longest = max((len(name) for name in names), default=0)
    level = longest * _LETTER * len(names) <= WIDTH
    return alt.Axis(labelAngle=0 if level else -35)


def names_legend(names: list[str], width: int = WIDTH) -> Any:
    """A legend of names in as many columns as there is room for, and not one endless line."""
    import altair as alt

    longest = max((len(name) for name in names), default=0)
    columns = max(1, int(width // (longest * _LETTER + 30)))
    return alt.Legend(columns=columns, symbolLimit=_IN_LEGEND)


def focus_on(field: str) -> Any:
    """A selection that a click on the legend makes; what is not chosen fades (see ``faded``)."""
    import altair as alt

    return alt.selection_point(name=f"focus_{field}", fields=[field], bind="legend")


def faded(focus: Any) -> Any:
    """The opacity of marks under a selection: full for what is chosen, or where nothing is."""
    import altair as alt

    return alt.condition(focus, alt.value(1.0), alt.value(0.12))


def choice_of(field: str, values: list[str]) -> Any:
    """A selection from a list beside the chart; at first everything is shown."""
    import altair as alt

    box = alt.binding_select(options=[None, *values], labels=["all", *values], name=f"{field}: ")
    return alt.selection_point(name=f"choice_{field}", fields=[field], bind=box)
