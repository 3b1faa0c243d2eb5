"""Parts of the rows: values of a column, quartiles of numbers and of lengths, scripts."""

from collections import Counter

import pytest

from tunelab.data.examples import Example
from tunelab.data.slices import MOST_PARTS, slice_values
from tunelab.errors import UsageError


def test_values_of_a_column() -> None:
    cells = ["forum", "mail", None, " forum ", float("nan"), 3.0]
    rows = [Example("t", "a", {"source": cell}) for cell in cells]
    found = slice_values(rows, ["source"])["source"]
    assert found == ["forum", "mail", "no value", "forum", "no value", "3"]


def test_many_values_are_merged_or_divided() -> None:
    words = [f"w{n}" for n in range(20)] + ["often"] * 5
    found = slice_values([Example("t", "a", {"x": word}) for word in words], ["x"])["x"]
    assert len(set(found)) == MOST_PARTS
    assert Counter(found)["other values"] == 10
    assert "often" in found
    numbers = [Example("t", "a", {"x": str(n)}) for n in range(100)]
    parts = Counter(slice_values(numbers, ["x"])["x"])
    assert parts == {"0 to 24": 25, "25 to 49": 25, "50 to 74": 25, "75 to 99": 25}


def test_length_and_script() -> None:
    rows = [Example("x" * n, "a") for n in range(1, 41)]
    parts = Counter(slice_values(rows, ["length"])["length"])
    assert list(parts) == [
        "1 to 10 characters",
        "11 to 20 characters",
        "21 to 30 characters",
        "31 to 40 characters",
    ]
    alike = slice_values([Example("abc", "a")] * 9, ["length"])["length"]
    assert set(alike) == {"3 to 3 characters"}
    texts = ["good day", "روز خوب است گل", "добрый день", "123"]
    found = slice_values([Example(text, "a") for text in texts], ["script"])["script"]
    assert found == ["Latin", "Persian", "Cyrillic", "no letters"]


def test_a_column_comes_before_what_is_computed() -> None:
    rows = [Example("text", "a", {"length": "short"})]
    assert slice_values(rows, ["length"]) == {"length": ["short"]}


def test_an_unknown_column() -> None:
    with pytest.raises(UsageError, match=r"unknown column 'sorce': did you mean source\?"):
        slice_values([Example("t", "a", {"source": "x"})], ["sorce"])
    assert slice_values([], []) == {}
