"""Numbers for people: one form for each kind, and no value that reads as another."""

import pytest

from tunelab.numbers import (
    counted,
    data_size,
    duration,
    interval,
    mean_count,
    number,
    p_value,
    share,
    signed,
    signed_interval,
    with_unit,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0.000"),
        (0.0042, "0.004"),
        (0.0004, "0.0004"),
        (-0.00002, "-2e-05"),
        (0.5714, "0.571"),
        (1.0, "1.000"),
        (12.3456, "12.35"),
        (155.25, "155.2"),
        (12345.6, "12,346"),
        (12345, "12,345"),
        (float("inf"), "inf"),
    ],
)
def test_a_number(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_the_other_kinds() -> None:
    assert mean_count(8.0) == "8.0"
    assert mean_count(1234.56) == "1,234.6"
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
    assert counted(2, "class", "classes") == "2 classes"
    assert [share(x) for x in (None, 0.0, 0.0091, 0.5, 1.0)] == [
        "–",
        "0.0 %",
        "0.91 %",
        "50.0 %",
        "100.0 %",
    ]
    assert [duration(x) for x in (0.0, 0.0123, 9.96, 119.0, 600.0)] == [
        "0.0 s",
        "12.3 ms",
        "10.0 s",
        "119.0 s",
        "10.0 min",
    ]
    assert [data_size(x) for x in (12, 1500, 2.5e6, 3e9)] == ["12 B", "1.5 kB", "2.5 MB", "3 GB"]
    assert [p_value(x) for x in (None, 0.0004, 0.0301)] == ["–", "< 0.001", "0.030"]
    assert signed(-0.7, "mean_count") == "−0.7"
    assert signed(0.0042) == "+0.004"
    assert signed(None) == interval(None, 1.0) == signed_interval(0.1, None) == "–"
    assert interval(0.1, 0.25) == "0.100 to 0.250"
    assert signed_interval(-1.0, 2.0, "mean_count") == "−1.0 to +2.0"
    assert with_unit(268_098_176, "count") == "268,098,176"
