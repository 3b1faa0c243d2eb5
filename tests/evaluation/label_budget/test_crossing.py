"""Where two curves cross, by hand, and the interval against its own definition."""

import json
import math

import numpy as np
import numpy.typing as npt
import pytest

from made_budget import SIZES, done_only, made_answers, simulated
from present import present
from tunelab.evaluation.label_budget.crossing import crossing
from tunelab.evaluation.label_budget.two_way import Sample, paired, two_way

UP = {"tfidf": (0.45, 0.52, 0.58, 0.62, 0.65, 0.67), "lora": (0.3, 0.42, 0.58, 0.7, 0.78, 0.84)}


CURVE_AHEAD, CURVE_BEHIND = (0.6, 0.7, 0.8, 0.85, 0.9, 0.92), (0.3, 0.4, 0.5, 0.6, 0.7, 0.75)


def _right(*shares: float, rows: int = 100) -> npt.NDArray[np.bool_]:
    """Two draws a size that both have this share of the rows right."""
    count = [round(share * rows) for share in shares]
    return np.stack([np.tile(np.arange(rows) < one, (2, 1)) for one in count])


def test_interpolated_on_the_logarithm_of_the_size() -> None:
    answers = made_answers({"tfidf": _right(0.6, 0.6), "lora": _right(0.5, 0.7)}, sizes=(8.0, 32.0))
    found = crossing(answers, "tfidf", "lora")
    assert found.course == "crosses"
    assert found.size == pytest.approx(16.0)
    # One part of the way where the distances are as 1 to 3.
    answers = made_answers(
        {"tfidf": _right(0.6, 0.6), "lora": _right(0.55, 0.75)}, sizes=(10.0, 160.0)
    )
    assert crossing(answers, "tfidf", "lora").size == pytest.approx(10 * 16**0.25)


def test_the_last_of_several_crossings_counts() -> None:
    answers = made_answers(
        {"tfidf": _right(0.5, 0.6, 0.6, 0.6), "lora": _right(0.52, 0.5, 0.58, 0.62)}
    )
    assert 32 < present(crossing(answers, "tfidf", "lora").size) < 64


def test_at_its_ends_the_interval_of_the_difference_touches_zero() -> None:
    answers = simulated(UP, draws=5, rows=600, seed=4)
    found = crossing(answers, "tfidf", "lora")
    low, high = present(found.low), present(found.high)
    assert low < present(found.size) < high
    for end, side in ((low, 1), (high, -1)):
        place = int(np.searchsorted(SIZES, end))
        below, above = SIZES[place - 1], SIZES[place]
        weight = math.log(end / below) / math.log(above / below)
        tables = [present(paired(answers, "lora", "tfidf", place - 1 + one)) for one in (0, 1)]
        values = (1 - weight) * tables[0].values + weight * tables[1].values
        means = two_way([Sample(tables[0].draws, values)])
        # A fortieth of the step between two sizes away at most.
        assert means.means[0] + side * means.reach() == pytest.approx(0, abs=0.01)


def test_open_ends() -> None:
    ahead = {"tfidf": (0.3, 0.4, 0.5), "lora": (0.6, 0.7, 0.8)}
    found = crossing(simulated(ahead, draws=4, rows=400, seed=1), "tfidf", "lora")
    assert (found.course, found.size, found.low, found.high) == ("ahead", None, None, 8.0)
    assert "ahead" in present(found.reason)
    found = crossing(simulated(ahead, draws=4, rows=400, seed=1), "lora", "tfidf")
    assert (found.course, found.size, found.low, found.high) == ("behind", None, 32.0, None)
    assert "more than 32" in found.sentence
    far = {"tfidf": CURVE_AHEAD, "lora": CURVE_BEHIND}
    # Without the last digits of floating point.
    assert crossing(simulated(far, draws=4, rows=400, seed=1), "tfidf", "lora").low == 256.0
    close = {"tfidf": (0.5, 0.55, 0.6), "lora": (0.5, 0.55, 0.6)}
    found = crossing(simulated(close, draws=3, rows=60, seed=2), "tfidf", "lora")
    assert (found.low, found.high) == (None, None)
    assert "open on both sides" in found.sentence


def test_undefined_cases_have_a_reason() -> None:
    answers = simulated(UP, draws=2, rows=30, seed=1)
    one_size = [cell for cell in answers.right if cell.size == 0]
    found = crossing(done_only(answers, one_size), "tfidf", "lora")
    assert found.course == "undefined"
    assert found.size is found.low is found.high is None
    assert found.reason == "fewer than two sizes were done by both"
    assert json.loads(json.dumps(found.to_dict()))["reason"] == found.reason


def test_a_size_of_all_rows_has_one_draw() -> None:
    answers = simulated(UP, draws=5, rows=400, seed=4)
    most = [cell for cell in answers.right if cell.size < 5 or cell.draw == 0]
    found = crossing(done_only(answers, most), "tfidf", "lora")
    assert found.over == "draws and rows"
    assert present(found.low) < present(found.size) < present(found.high)
    first = [cell for cell in answers.right if cell.draw == 0]
    assert crossing(done_only(answers, first), "tfidf", "lora").over == "rows"


def test_the_interval_covers_with_two_draws() -> None:
    # Between 0.4 and 0.6 of one curve the other one stays at 0.5.
    curves = {"tfidf": (0.5, 0.5, 0.5), "lora": (0.4, 0.475, 0.6)}
    truth = 16 * 2 ** (0.025 / 0.125)
    held = 0
    for seed in range(100):
        found = crossing(simulated(curves, draws=2, rows=200, seed=seed), "tfidf", "lora")
        held += (found.low is None or found.low <= truth) and (
            found.high is None or truth <= found.high
        )
    assert held >= 90
