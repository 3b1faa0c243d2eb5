"""How numbers are written for people, one way for each kind of number.

Pages, tables and cards write every number with these functions, so that one value reads the same
everywhere. Files for programs (JSON, CSV, Parquet) keep all digits. A value that is None is not
defined and is written as a dash.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

UNDEFINED = "–"

# What a number counts or measures.
Unit = Literal["share", "number", "mean_count", "count", "bytes", "seconds"]


def number(value: Any) -> str:
    """A number without a unit, such as a score: three decimals, fewer where it is large.

    Whole numbers keep all digits. A value whose three decimals would all be 0 shows its first
    digit that is not, since 0.000 would read as none at all.
    """
    if value is None:
        return UNDEFINED
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if not math.isfinite(size) or (size != 0 and size < 0.0005):
        return f"{value:.1g}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}"


def mean_count(value: float | None) -> str:
    """The mean of something that is counted, such as tokens of an answer: one decimal."""
    return UNDEFINED if value is None else f"{value:,.1f}"


def count(value: float | None) -> str:
    """A whole number, with separators."""
    return UNDEFINED if value is None else f"{value:,.0f}"


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: ``1 row``, ``2 rows``; ``plural`` where it is not noun + s."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def share(value: float | None) -> str:
    """A share in percent: one decimal, or two digits that say something where it is small."""
    if value is None:
        return UNDEFINED
    percent = 100 * value
    return f"{percent:.2g} %" if 0 < abs(percent) < 1 else f"{percent:.1f} %"


def duration(seconds: float | None) -> str:
    """Milliseconds, seconds or minutes, whichever gives few digits."""
    if seconds is None:
        return UNDEFINED
    if 0 < abs(seconds) < 0.095:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.1f} s" if abs(seconds) < 120 else f"{seconds / 60:.1f} min"


def data_size(size: float | None) -> str:
    """Bytes, in the unit that gives few digits."""
    if size is None:
        return UNDEFINED
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(size) >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"


def p_value(value: float | None) -> str:
    """A p-value, or that it is tiny."""
    if value is None:
        return UNDEFINED
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(low: float | None, high: float | None, unit: Unit = "number") -> str:
    """Both ends of an interval, or a dash where it is not defined."""
    if low is None or high is None:
        return UNDEFINED
    return f"{with_unit(low, unit)} to {with_unit(high, unit)}"


def signed(value: float | None, unit: Unit = "number") -> str:
    """A difference, with a true minus sign."""
    if value is None:
        return UNDEFINED
    text = with_unit(abs(value), unit)
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else text


def signed_interval(low: float | None, high: float | None, unit: Unit = "number") -> str:
    """Both ends of a difference's interval, or a dash."""
    if low is None or high is None:
        return UNDEFINED
    return f"{signed(low, unit)} to {signed(high, unit)}"


def with_unit(value: float | None, unit: Unit) -> str:
    """A number of a kind that is known by its name."""
    return _FORMATS[unit](value)


_FORMATS: Mapping[Unit, Callable[[Any], str]] = {
    "share": share,
    "number": number,
    "mean_count": mean_count,
    "count": count,
    "bytes": data_size,
    "seconds": duration,
}
