"""What test rows can decide: against simulation, statsmodels' test and published sizes."""

import numpy as np
import pytest

from tunelab.evaluation.statistics.comparison import compare_shares
from tunelab.evaluation.statistics.power import (
    detectable_difference,
    paired_power,
    power_of_rows,
    rows_to_decide,
)


@pytest.mark.parametrize(
    ("rows", "difference", "discordant"), [(40, 0.15, 0.3), (240, 0.06, 0.2), (600, 0.05, 0.1)]
)
def test_power_is_that_of_the_test_we_use(rows: int, difference: float, discordant: float) -> None:
    draw = np.random.default_rng(3)
    left_only = (discordant + difference) / 2
    shares = [left_only, discordant - left_only, 1 - discordant]
    decided = 0
    for _ in range(400):
        only_left, only_right, both = draw.multinomial(rows, shares)
        left = [True] * only_left + [False] * only_right + [True] * both
        right = [False] * only_left + [True] * only_right + [True] * both
        p_value = compare_shares(left, right).p_value
        decided += p_value is not None and p_value < 0.05
    assert decided / 400 == pytest.approx(
        paired_power(rows, difference, discordant=discordant), abs=0.07
    )


def test_under_no_difference_the_test_keeps_its_level() -> None:
    assert all(paired_power(rows, 0.0) <= 0.05 for rows in (1, 5, 50, 240, 5_000))


def test_the_size_that_connor_gives() -> None:
    # Connor's formula for 0.2 discordant rows, a difference of 0.1 and power 0.8: 155 rows. The
    # exact test needs some more.
    assert 155 <= (rows_to_decide(0.1) or 0) <= 180


def test_more_rows_decide_less_of_a_difference() -> None:
    found = [detectable_difference(rows) or 1.0 for rows in (40, 240, 2_000, 100_000)]
    assert found == sorted(found, reverse=True)
    assert found[1] == pytest.approx(0.06, abs=0.005)


def test_rows_and_difference_agree() -> None:
    rows = rows_to_decide(0.04, power=0.5)
    assert rows is not None
    assert detectable_difference(rows) == pytest.approx(0.04, abs=0.001)


def test_what_cannot_be_decided_has_no_number() -> None:
    assert detectable_difference(7) is None
    assert rows_to_decide(0.0) is None
    with pytest.raises(ValueError, match="discordant"):
        paired_power(10, 0.3, discordant=0.2)


def test_what_rows_decide_is_said_with_what_is_assumed() -> None:
    found = power_of_rows(240)
    assert found.decides == pytest.approx(0.06, abs=0.005)
    assert found.needed == {wanted: rows_to_decide(wanted) for wanted in (0.02, 0.05)}
    half, needed = found.sentences()
    assert half.startswith("With 240 test rows, a difference of accuracy below 6 points")
    assert f"about {found.needed[0.05]:,} test rows for 5 points" in needed
    assert "right on 20 % of the rows" in needed
    assert found.to_dict()["needed"] == {
        "2 points": found.needed[0.02],
        "5 points": found.needed[0.05],
    }


def test_too_few_rows_are_said_to_be_too_few() -> None:
    for rows in (0, 1, 7):
        assert power_of_rows(rows).decides is None
        assert "too few to decide any difference" in power_of_rows(rows).sentences()[0]
    assert power_of_rows(1).sentences()[0].startswith("1 test row is")
