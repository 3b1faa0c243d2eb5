"""Black-box shift estimation against hand computation, its test and its limits."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from tunelab.evaluation.drift.compared import compare_texts, in_words
from tunelab.evaluation.drift.label_shift import label_shift

NAMES = ["joy", "fear"]
# Of 100 rows of joy 90 are found, of 50 of fear 40.
CONFUSION = [[90, 10], [10, 40], [0, 0]]


def test_the_shares_are_those_of_the_equations() -> None:
    # 0.9 q + 0.2 (1 - q) = 0.41, so that q = 0.3; then 0.3 * 0.9 + 0.7 * 0.8 = 0.83 are right.
    found = label_shift(NAMES, CONFUSION, [410, 590, 0], seed=0)
    joy, fear = found.shares
    assert joy.now.value == pytest.approx(0.3)
    assert fear.now.value == pytest.approx(0.7)
    assert joy.tested == pytest.approx(2 / 3)
    assert fear.tested == pytest.approx(1 / 3)
    assert found.accuracy.value == pytest.approx(0.83)
    assert found.tested == pytest.approx(130 / 150)
    assert found.accuracy.low is not None
    assert found.accuracy.high is not None
    assert 0.7 < found.accuracy.low < 0.83 < found.accuracy.high < 0.93
    assert found.p_value == pytest.approx(0.001)


def test_the_p_value_is_that_of_the_table() -> None:
    counts = [45, 40, 5]
    confusion = [[60, 8], [10, 60], [2, 3]]
    found = label_shift(NAMES, confusion, counts, seed=0)
    by_formula = chi2_contingency([[68, 70, 5], counts], correction=False).pvalue
    assert found.p_value == pytest.approx(by_formula, abs=0.04)
    # The same shares are no shift.
    alike = label_shift(NAMES, confusion, [68, 70, 5], seed=0)
    assert alike.p_value == 1.0


def test_the_intervals_hold_the_truth() -> None:
    generator = np.random.default_rng(3)
    columns, now = np.array([[0.85, 0.2], [0.1, 0.75], [0.05, 0.05]]), np.array([0.25, 0.75])
    right = float(now @ [0.85, 0.75])
    held = 0
    for one in range(60):
        table = [generator.multinomial(80, columns[:, label]) for label in range(2)]
        counts = generator.multinomial(200, columns @ now).tolist()
        found = label_shift(NAMES, np.array(table).T.tolist(), counts, seed=one)
        share = found.shares[0].now
        held += (share.low or 0) <= 0.25 <= (share.high or 0)
        held += (found.accuracy.low or 0) <= right <= (found.accuracy.high or 0)
    assert held >= 105


@pytest.mark.parametrize(
    ("labels", "confusion", "counts", "reason"),
    [
        (NAMES, CONFUSION, [10, 5, 0], "there are 15 new texts, fewer than 30"),
        (NAMES, [[5, 0], [0, 5], [0, 0]], [50, 50, 0], "there are 10 test rows, fewer than 30"),
        (NAMES, [[90, 0], [0, 4], [0, 0]], [50, 50, 0], "fewer than 5 test rows of fear"),
        (NAMES, [[50, 50], [50, 50], [0, 0]], [50, 50, 0], "do not tell their shares"),
        (["joy"], [[90], [10]], [50, 5], "there is one label"),
    ],
)
def test_what_cannot_be_estimated(
    labels: list[str], confusion: list[list[int]], counts: list[int], reason: str
) -> None:
    found = label_shift(labels, confusion, counts, seed=0)
    assert found.accuracy.value is None
    assert found.reason is not None
    assert reason in found.reason
    assert (found.p_value is None) == ("fewer than 30" in reason)
    assert found.shares == ()


def test_in_words() -> None:
    generator = np.random.default_rng(0)

    def texts(count: int, first: int) -> list[tuple[int, ...]]:
        drawn = first + generator.integers(30, size=(count, 6))
        return [tuple(sorted(set(row))) for row in drawn.tolist()]

    def told(new: list[tuple[int, ...]], counts: dict[str | None, int]) -> str:
        found = compare_texts(old, new, labels=NAMES, confusion=CONFUSION, counts=counts, seed=0)
        assert found.to_dict()["sentences"] == list(in_words(found))
        return " ".join(in_words(found))

    old = texts(90, 0)
    alike = told(texts(60, 0), {"joy": 40, "fear": 20})
    assert alike.startswith("No difference from the training texts is shown (p = ")
    other = told(texts(60, 25), {"joy": 40, "fear": 20})
    assert "differ from the training texts (p < 0.001" in other
    assert "not by the shares of the labels" in other
    shifted = told(texts(60, 0), {"joy": 6, "fear": 54})
    assert "The answers have other shares than on the test rows (p " in shifted
    assert "where the test rows gave 0.867" in shifted
    few = told(texts(5, 0), {"joy": 5})
    assert few.count("fewer than 30") == 1
    assert "is not tested" in few
    unknown = told(texts(60, 0), {None: 60})
    assert "The answers have other shares" in unknown
