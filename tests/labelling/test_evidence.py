"""What a classifier says of rows, with its rule of review, and whether they drifted."""

import pytest

from tunelab.labelling.evidence import drift_of_rows, said_of
from tunelab.labelling.predicted import said_in
from tunelab.serving.drift_reference import make_reference
from tunelab.serving.review_rule import ReviewRule

LABELS = ("fear", "joy")
OLD = [f"the rain came down on day {n} and we sat inside" for n in range(80)]
NEW = [f"invoice {n}: please pay the amount due by friday" for n in range(80)]


def test_probabilities_are_calibrated_and_reviewed_by_the_rule() -> None:
    table = [[0.9, 0.1], [0.45, 0.55]]
    plain = said_of(LABELS, ["fear", "joy"], table, None)
    assert plain[0].probabilities == {"fear": 0.9, "joy": 0.1}
    assert plain[0].needs_review is None
    ruled = said_of(LABELS, ["fear", "joy"], table, ReviewRule(2.0, 0.7, 0.9))
    assert [one.needs_review for one in ruled] == [False, True]
    assert ruled[0].probability == pytest.approx(0.75)


def test_a_classifier_without_probabilities_has_labels_alone() -> None:
    (found,) = said_of(LABELS, ["joy"], None, ReviewRule(1.0, 0.7, 0.9))
    assert (found.label, found.probabilities, found.needs_review) == ("joy", None, None)


def test_what_predict_wrote_is_read_again() -> None:
    nested = {"label": "joy", "needs_review": True, "probabilities": {"fear": 0.4, "joy": 0.6}}
    cells = {
        "label": "",
        "needs_review": "false",
        "probabilities.fear": "0.7",
        "probabilities.joy": "0.3",
    }
    found = said_in([nested, cells], LABELS)
    assert found is not None
    assert (found[0].label, found[0].needs_review, found[0].probability) == ("joy", True, 0.6)
    assert (found[1].label, found[1].needs_review) == (None, False)
    assert found[1].probabilities == {"fear": 0.7, "joy": 0.3}


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"probabilities": {"fear": 1.0}},
        {"probabilities": {"fear": 0.5, "joy": 0.5, "love": 0.0}},
        {"probabilities": {"fear": 0.5, "joy": None}},
        {"probabilities": {"fear": float("nan"), "joy": 0.5}},
        {"probabilities": {"fear": 5, "joy": -4}},
        {"probabilities": {"fear": 0.1, "joy": 0.1}},
        {"probabilities": "joy", "probabilities.joy": "1"},
    ],
)
def test_a_file_of_another_kind_is_not_taken_for_one(row: dict[str, object]) -> None:
    assert said_in([row], LABELS) is None


def test_rows_that_drifted_have_small_p_values() -> None:
    truth = ["fear" if n % 2 else "joy" for n in range(80)]
    reference = make_reference(OLD, LABELS, truth, truth, seed=0)
    mixed = [*OLD[:40], *NEW]
    p_values, told = drift_of_rows(reference, mixed, ["joy"] * len(mixed))
    assert p_values is not None
    assert sum(one <= 0.05 for one in p_values[40:]) >= 70
    assert sum(one <= 0.05 for one in p_values[:40]) <= 6
    assert "differ from the training texts" in told


def test_no_row_counts_as_drifted_where_the_texts_are_alike() -> None:
    reference = make_reference(OLD, LABELS, ["joy"] * 80, ["joy"] * 80, seed=0)
    p_values, told = drift_of_rows(reference, OLD[:60], ["joy"] * 60)
    assert p_values is None
    assert "No difference from the training texts" in told
    assert drift_of_rows(reference, NEW[:5], ["joy"] * 5)[0] is None
    assert "keeps no reference" in drift_of_rows(None, NEW, ["joy"] * 80)[1]


def test_a_blank_row_of_a_prediction_spoils_no_file() -> None:
    asked = {"label": "joy", "probabilities": {"joy": 0.8, "fear": 0.2}}
    blank = {"label": None, "probabilities": {"joy": None, "fear": None}}
    found = said_in([asked, blank], ["fear", "joy"])
    assert found is not None
    assert [one.label for one in found] == ["joy", None]
    assert found[1].probabilities is None
    assert said_in([blank], ["fear", "joy"]) is None
