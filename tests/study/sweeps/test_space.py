"""Ranges and choices: what is read, what is refused, and that draws stay within."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunelab.errors import UsageError
from tunelab.study.sweeps.description import make_sweep, read_sweep
from tunelab.study.sweeps.space import (
    Choices,
    Range,
    edges,
    parse_space,
    to_stored,
    to_value,
    unseen,
)


def test_ranges_and_choices_are_read() -> None:
    axes = parse_space(
        {
            "a": "4..64",
            "b": "1e-5..1e-2:log",
            "c": "0..1:0.25",
            "d": "2 .. 10 : 4",
            "e": ["x", None, [1, 2], True],
        }
    )
    assert axes == (
        Range("a", 4, 64, whole=True),
        Range("b", 1e-5, 1e-2, whole=False, log=True),
        Range("c", 0, 1, whole=False, step=0.25),
        Range("d", 2, 10, whole=True, step=4),
        Choices("e", ('"x"', "null", "[1, 2]", "true")),
    )
    assert [edges(axis) for axis in axes] == [
        [4, 64],
        [1e-5, 1e-2],
        [0.0, 1.0],
        [2, 10],
        ["x", None, [1, 2], True],
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (8, "neither a range"),
        ("4-64", "neither a range"),
        ("4..", "neither a range"),
        ("1..2:linear", "neither a range"),
        ("nan..2", "neither a range"),
        ({"low": 1}, "neither a range"),
        ("64..4", "must begin below its end"),
        ("4..4", "must begin below its end"),
        ("1..1e400", "must begin below its end"),
        ("0..1:log", "must begin above 0"),
        ("0..1:-0.5", "above 0"),
        ("0..1:0.3", "must end on a step"),
        ("0..1:2", "must end on a step"),
        ("1..99999999999999999", "too large"),
        ([1], "two choices or more"),
        ([1, 1], "no two alike"),
    ],
)
def test_faults_are_told(value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_space({"key": value})


def test_a_key_within_another_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a part of methods\.0"):
        parse_space({"methods.0": [{"name": "ia3"}, {"name": "lora"}], "methods.0.r": "2..4"})


def _ranges() -> st.SearchStrategy[str]:
    small = st.integers(1, 400)
    whole = st.builds(
        lambda low, more, form: f"{low}..{low + more}{form}",
        small,
        small,
        st.sampled_from(["", ":log", ":1"]),
    )
    steps = st.builds(
        lambda low, step, count: f"{low / 10}..{(low + step * count) / 10}:{step / 10}",
        small,
        small,
        st.integers(1, 30),
    )
    broken = st.builds(
        lambda low, more, form: f"{low / 7!r}..{(low + more) / 7!r}{form}",
        small,
        small,
        st.sampled_from(["", ":log"]),
    )
    return st.one_of(whole, steps, broken)


@settings(deadline=None)
@given(_ranges(), st.integers(0, 2**32 - 1))
def test_a_draw_is_within_its_range(text: str, seed: int) -> None:
    (axis,) = parse_space({"key": text})
    assert isinstance(axis, Range)
    stored = unseen([axis], [], seed)["key"]
    value = to_value(axis, stored)
    assert axis.low <= stored <= axis.high
    assert isinstance(value, int if axis.whole else float)
    again = to_stored(axis, value)
    assert again == pytest.approx(stored)
    for edge in edges(axis):
        assert to_stored(axis, edge) == edge
    assert to_stored(axis, axis.high + 1) is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 11), unique=True), st.integers(0, 99))
def test_what_is_left_of_a_small_space_is_found(positions: list[int], seed: int) -> None:
    axes = parse_space({"a": "1..4", "b": ["x", None, 1.5]})
    whole = [{"a": a, "b": b} for a in (1, 2, 3, 4) for b in ('"x"', "null", "1.5")]
    seen = [whole[position] for position in positions]
    found = unseen(axes, seen, seed)
    if len(seen) == len(whole):
        assert found is None
    else:
        assert found in whole
        assert found not in seen


def test_a_sweep_is_checked() -> None:
    with pytest.raises(UsageError, match="did you mean trials"):
        make_sweep({"space": {"a": "1..2"}, "trails": 3})
    with pytest.raises(UsageError, match="names one twice"):
        make_sweep({"space": {"a": "1..2"}, "goals": ["accuracy", "accuracy"]})
    with pytest.raises(UsageError, match="needs keys to search"):
        read_sweep(None)
    with pytest.raises(UsageError, match="is not KEY=RANGE"):
        read_sweep(None, space=["r"])


def test_the_command_line_adds_to_the_file(tmp_path: Any) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("space: {a: 1..2, b: 1e-3..1:log}\ntrials: 7\n", encoding="utf-8")
    sweep = read_sweep(file, space=["a=[x, 1e-3]"], given={"trials": 9})
    assert sweep.trials == 9
    assert json.dumps(sweep.space) == '{"a": ["x", 0.001], "b": "1e-3..1:log"}'
