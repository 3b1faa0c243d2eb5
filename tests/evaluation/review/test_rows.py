"""How sure answers are, answers that are not the likeliest label, and rows that belong together."""

import numpy as np
import pytest
from scipy.special import softmax

from tunelab.evaluation.review.record import Review, make_review
from tunelab.evaluation.review.rows import (
    NEVER_KEPT,
    NO_COLUMN,
    AskedRows,
    confidence_of,
    is_kept,
    is_likeliest,
    one_of_each,
)
from tunelab.evaluation.review.words import advice, sentences

TABLE = [[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6]]
LABELS = ("a", "b", "c")


def test_another_answer_than_the_likeliest_is_never_kept() -> None:
    assert is_likeliest(TABLE).tolist() == [True] * 3
    likeliest = is_likeliest(TABLE, [0, 2, NO_COLUMN])
    assert likeliest.tolist() == [True, False, False]
    sure = confidence_of(TABLE, likeliest)
    assert sure.tolist() == [0.7, NEVER_KEPT, NEVER_KEPT]
    assert is_kept(sure, 0.0).tolist() == [True, False, False]
    # A rounding decides nothing, and what is no number is not kept.
    assert is_kept([0.7, 0.7 - 1e-12, 0.69, float("nan")], 0.7).tolist() == [
        *(True, True, False, False)
    ]
    assert is_likeliest(np.zeros((0, 3)), []).tolist() == []
    assert confidence_of(np.zeros((0, 3)), []).tolist() == []


def test_one_row_of_each_group_is_drawn() -> None:
    groups = ["x", "y", "x", None, "y", "x", None]
    found = [one_of_each(groups, 7, seed=seed).tolist() for seed in range(40)]
    assert found[0] == one_of_each(groups, 7, seed=0).tolist()
    for rows in found:
        assert {3, 6} < set(rows)
        assert sorted(groups[row] or "" for row in rows) == ["", "", "x", "y"]
    assert len({tuple(rows) for rows in found}) > 3
    assert one_of_each(None, 3, seed=0).tolist() == [0, 1, 2]
    assert one_of_each(["x", "y", None], 3, seed=0).tolist() == [0, 1, 2]


def _rows(rows: int, seed: int, groups: int = 0, *, wrong: float = 0.0) -> AskedRows:
    """Rows whose answers, in a share of ``wrong``, are another label than the likeliest."""
    draw = np.random.default_rng(seed)
    table = softmax(draw.normal(scale=4, size=(rows, 3)), axis=1)
    truth = np.minimum((draw.random(rows)[:, None] > table.cumsum(axis=1)).sum(axis=1), 2)
    answers = np.where(draw.random(rows) < wrong, NO_COLUMN, table.argmax(axis=1))
    of = [str(number % groups) for number in range(rows)] if groups else None
    return AskedRows(table, truth, answers, of)


def _review(validation: AskedRows, test: AskedRows, accuracy: float = 0.9) -> Review:
    return make_review(
        "lora",
        validation,
        test,
        LABELS,
        group="lora",
        validated=False,
        accuracy=accuracy,
        coverage=0.9,
        seed=0,
    )


def test_a_review_counts_what_is_answered() -> None:
    test = _rows(500, 2, wrong=0.3)
    found = _review(_rows(600, 1, wrong=0.3), test)
    assert found.kept is not None
    assert found.threshold.value is not None
    assert found.other == int((np.asarray(test.answers) == NO_COLUMN).sum())
    assert found.kept.kept <= 500 - found.other
    # The threshold is chosen among rows that could be kept.
    assert found.threshold.rows < 600
    assert f"and {found.other} whose answer is not the likeliest label)" in advice(found)
    # As many are caught as are wrong, those without a label first.
    assert found.caught[0].found == pytest.approx(10)
    low = _review(_rows(600, 1, wrong=0.3), test, accuracy=0.5)
    assert low.threshold.value == 0
    assert low.kept is not None
    assert low.kept.kept == 500 - found.other
    assert "whose answer is not the likeliest label to a person" in advice(low)
    none = _review(_rows(600, 1, wrong=1.0), _rows(500, 2, wrong=1.0))
    assert none.kept is None
    assert none.threshold.reason is not None
    assert none.threshold.reason.startswith("0 rows cannot show")


def test_rows_of_groups_promise_by_one_row_of_each() -> None:
    found = _review(_rows(600, 1, groups=120), _rows(500, 2, groups=100))
    assert (found.groups, found.rows, found.threshold.rows) == (120, 600, 120)
    assert found.kept is not None
    assert found.kept.coverage.low is not None
    assert any("are of 120 groups" in one for one in sentences(found))
    few = _review(_rows(600, 1, groups=8), _rows(500, 2, groups=4))
    assert few.kept is None
    assert few.sets[0].reason == "8 validation groups of at least 9"
    # Intervals over four groups are not told.
    alone = _review(_rows(600, 1), _rows(500, 2, groups=4))
    assert alone.groups is None
    assert alone.kept is not None
    for found_share in (alone.kept.coverage, alone.kept.accuracy, alone.sets[0].coverage):
        assert found_share.value is not None
        assert found_share.low is None
        assert "4 groups are too few" in str(found_share.reason)
