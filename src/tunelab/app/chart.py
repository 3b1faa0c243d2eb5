"""A chart of lines as SVG, in the colours of the page, with a description in words."""

from collections.abc import Mapping, Sequence
from math import ceil, floor

from tunelab.app.markup import Markup, join, number, tag

Point = tuple[float, float]
_WIDTH, _HEIGHT = 480, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 40


def line_chart(title: str, series: Mapping[str, Sequence[Point]], *, x: str) -> Markup:
    """Lines of points (x, y); series without points are left out. Empty where there are none."""
    lines = {name: sorted(points) for name, points in series.items() if points}
    if not lines:
        return Markup("")
    every = [point for points in lines.values() for point in points]
    across = _Scale([point[0] for point in every], _LEFT, _WIDTH - _RIGHT)
    up = _Scale([point[1] for point in every], _HEIGHT - _BOTTOM, _TOP)
    drawn = [_grid(across, up, x)]
    for position, points in enumerate(lines.values()):
        path = " ".join(f"{across.at(a):.1f},{up.at(b):.1f}" for a, b in points)
        drawn.append(tag("polyline", points=path, class_=f"tl-line s{position}"))
        drawn += [
            tag(
                "circle",
                cx=f"{across.at(a):.1f}",
                cy=f"{up.at(b):.1f}",
                r=2.5,
                class_=f"s{position}",
            )
            for a, b in (points if len(points) <= 60 else points[-1:])
        ]
    picture = tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=describe(title, lines, x),
    )
    legend = [
        tag("span", name, class_=f"tl-key s{position}") for position, name in enumerate(lines)
    ]
    return tag(
        "figure", tag("figcaption", tag("strong", title), *legend), picture, class_="tl-chart"
    )


def describe(title: str, lines: Mapping[str, Sequence[Point]], x: str) -> str:
    """The chart in words: where each line begins and ends."""
    parts = [
        f"{name} from {number(float(points[0][1]))} at {x} {points[0][0]:g} to "
        f"{number(float(points[-1][1]))} at {x} {points[-1][0]:g}"
        for name, points in lines.items()
    ]
    return f"{title}: {'; '.join(parts)}."


class _Scale:
    """Maps values to positions in the picture; the limits of the axis are round numbers."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        step = _round_step((high - low) or abs(high) or 1.0)
        self.low, self.high = floor(low / step) * step, ceil(high / step) * step
        if self.low == self.high:
            self.high += step
        self.ticks = [
            self.low + step * position
            for position in range(round((self.high - self.low) / step) + 1)
        ]
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """The position of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)


def _round_step(span: float) -> float:
    """A step of 1, 2 or 5 times a power of ten, of which three to seven make the span."""
    power = 10.0
    while power > span / 3:
        power /= 10
    while power * 10 <= span / 3:
        power *= 10
    return next(power * times for times in (1, 2, 5, 10) if span / (power * times) <= 6)


def _grid(across: _Scale, up: _Scale, x: str) -> Markup:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for value in up.ticks:
        y = f"{up.at(value):.1f}"
        parts += [
            tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="tl-grid"),
            tag("text", f"{value:g}", x=_LEFT - 8, y=y, class_="tl-tick tl-end"),
        ]
    parts += [
        tag("text", f"{value:g}", x=f"{across.at(value):.1f}", y=bottom + 16, class_="tl-tick")
        for value in across.ticks
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(tag("text", x, x=middle, y=_HEIGHT - 6, class_="tl-tick"))
    return join(parts)
