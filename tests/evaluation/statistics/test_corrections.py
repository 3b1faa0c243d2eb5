"""Holm's correction by hand and against R's p.adjust."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from present import present
from tunelab.evaluation.statistics.corrections import holm


def test_by_hand() -> None:
    # Smallest times 3, next times 2, last times 1, and never below the one before.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_as_r_has_it() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    corrected = holm([0.01, 0.02, 0.03, 0.04, 0.05])
    assert corrected == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_none_is_not_counted() -> None:
    assert holm([None, 0.02, None, 0.03]) == [None, pytest.approx(0.04), None, pytest.approx(0.04)]
    assert holm([None]) == [None]
    assert holm([]) == []


def test_no_p_value() -> None:
    for value in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm([0.5, value])


# statsmodels collects garbage at each call, which takes a fifth of a second.
@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_order_stays_and_nothing_shrinks(values: list[float]) -> None:
    corrected = [present(value) for value in holm(values)]
    pairs = sorted(zip(values, corrected, strict=True))
    assert all(before <= after <= 1 for before, after in pairs)
    assert [after for _, after in pairs] == sorted(after for _, after in pairs)
