"""Metrics against scikit-learn, and undefined values that stay None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from tunelab.evaluation.metrics import score, wilson_interval

LABELS = ["a", "b", "c"]
ROWS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None])), min_size=1, max_size=40
)


@given(ROWS)
def test_equal_to_scikit_learn(rows: list[tuple[str, str | None]]) -> None:
    truth, predicted = [row[0] for row in rows], [row[1] for row in rows]
    scores = score(truth, predicted, LABELS)
    filled = [guess or "-" for guess in predicted]
    assert scores.accuracy == pytest.approx(accuracy_score(truth, filled))
    _, _, f1, support = precision_recall_fscore_support(
        truth, filled, labels=LABELS, zero_division=0
    )
    assert [entry.f1 or 0 for entry in scores.classes] == pytest.approx(list(f1))
    assert [entry.support for entry in scores.classes] == list(support)
    weighted = precision_recall_fscore_support(
        truth, filled, labels=LABELS, average="weighted", zero_division=0
    )[2]
    assert scores.f1_weighted == pytest.approx(weighted)
    micro = precision_recall_fscore_support(
        truth, filled, labels=LABELS, average="micro", zero_division=0
    )[2]
    assert scores.f1_micro == pytest.approx(micro)
    matrix = confusion_matrix(truth, filled, labels=[*LABELS, "-"])[:3]
    assert [list(row) for row in scores.confusion] == matrix.tolist()
    assert scores.unparsed == predicted.count(None)


def test_undefined_is_none() -> None:
    empty = score([], [], LABELS)
    assert empty.accuracy is None
    assert empty.f1_macro is None
    one = score(["a"], ["a"], LABELS)
    assert one.f1_macro == 1
    assert one.classes[1].precision is None
    assert one.classes[1].f1 is None
    assert score(["a"], [None], LABELS).classes[0].precision is None


def test_every_none_has_a_reason() -> None:
    one = score(["a", "a"], ["a", "b"], LABELS)
    assert one.undefined == {
        "b.recall": "no row has this label",
        "c.precision": "never predicted",
        "c.recall": "no row has this label",
        "c.f1": "no row has this label, and it was never predicted",
    }
    assert score(["a"], ["a"], ["a"]).undefined == {}
    assert set(score([], [], ["a"]).undefined.values()) == {"there are no rows"}


@given(st.just([]) | ROWS)
def test_reasons_are_those_of_the_nones(rows: list[tuple[str, str | None]]) -> None:
    values = score([row[0] for row in rows], [row[1] for row in rows], LABELS).to_dict()
    reasons = values.pop("undefined")
    missing = {name for name, value in values.items() if value is None}
    for entry in values["classes"]:
        missing |= {f"{entry['label']}.{name}" for name, value in entry.items() if value is None}
    assert set(reasons) == missing
    assert all(reasons.values())


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="1 true labels"):
        score(["a"], [], LABELS)


def test_wilson_by_hand() -> None:
    # 8 of 10: (0.8 + z²/20 ± z·sqrt(0.16/10 + z²/400)) / (1 + z²/10) with z = 1.959964.
    assert wilson_interval(8, 10) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert wilson_interval(0, 0) == (None, None)
