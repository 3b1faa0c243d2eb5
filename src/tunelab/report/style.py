"""How all charts look: fonts, sizes and a palette that colour-blind readers can tell apart."""

from typing import Any

# Okabe and Ito's palette, 2008, without its yellow, which is too light on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5F5F5F")
WIDTH = 640


def styled(chart: Any) -> Any:
    """A chart with the report's fonts and lines."""
    return (
        chart.configure(font="Inter, Segoe UI, Helvetica, Arial, sans-serif", background="white")
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            gridColor="#e6e6e6",
            domainColor="#888",
            labelLimit=220,
        )
        .configure_legend(labelFontSize=12, titleFontSize=12, orient="top", labelLimit=260)
        .configure_view(stroke=None)
        .configure_title(fontSize=14, anchor="start")
    )
