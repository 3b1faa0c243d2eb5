"""The order of rows, the reasons that they carry, and rows that are not asked."""

import pytest

from tunelab.labelling.queue import (
    Said,
    SourceRow,
    from_json,
    order_rows,
    row_id,
    to_json,
)

LABELS = ("fear", "joy", "love")


def said(*values: float, review: bool | None = None) -> Said:
    """An answer with these probabilities; the likeliest label is given."""
    table = dict(zip(LABELS, values, strict=True))
    return Said(max(table, key=lambda label: table[label]), table, review)


def rows(*texts: str, given: tuple[str | None, ...] = ()) -> list[SourceRow]:
    labels = given or (None,) * len(texts)
    return [
        SourceRow(place + 1, text, label)
        for place, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]


SURE, CLOSE, EVEN = said(0.9, 0.05, 0.05), said(0.5, 0.4, 0.1), said(0.4, 0.4, 0.2)


def test_uncertainty_is_one_minus_the_margin() -> None:
    assert SURE.uncertainty == pytest.approx(0.15)
    assert CLOSE.uncertainty == pytest.approx(0.9)
    assert EVEN.uncertainty == pytest.approx(1.0)
    assert Said("joy", {"joy": 0.7}).uncertainty == pytest.approx(0.3)
    assert Said(None, CLOSE.probabilities).uncertainty == 1.0
    assert Said("joy").uncertainty is None
    assert CLOSE.probability == 0.5
    assert Said("joy").probability is None


def test_the_most_uncertain_row_comes_first() -> None:
    queue = order_rows(rows("a", "b", "c"), [SURE, EVEN, CLOSE], LABELS)
    assert [row.text for row in queue.rows] == ["b", "c", "a"]
    assert queue.rows[1].reasons == (
        "uncertain: the two likeliest labels are 10.0 percentage points apart",
    )


def test_equally_uncertain_rows_keep_the_order_of_the_file() -> None:
    queue = order_rows(rows("a", "b", "c"), [CLOSE] * 3, LABELS)
    assert [row.number for row in queue.rows] == [1, 2, 3]


def test_with_a_rule_of_review_rows_that_it_trusts_come_last() -> None:
    trusted, sent = said(0.5, 0.4, 0.1, review=False), said(0.8, 0.1, 0.1, review=True)
    queue = order_rows(rows("a", "b"), [trusted, sent], LABELS)
    assert [row.text for row in queue.rows] == ["b", "a"]
    assert queue.rows[1].reasons == (
        "after the others: the classifier is sure by its rule of review",
    )


def test_uncertain_doubted_and_drifted_rows_take_turns() -> None:
    labelled = rows(*"abcdefgh", given=(None, None, None, "joy", "fear", "fear", "fear", "love"))
    answers = [EVEN, CLOSE, SURE, SURE, SURE, SURE, SURE, said(0.05, 0.05, 0.9)]
    queue = order_rows(labelled, answers, LABELS, [0.5, 0.5, 0.01, 0.01, 0.5, 0.5, 0.5, 0.5])
    assert [row.text for row in queue.rows] == ["a", "d", "c", "b"]
    assert queue.rows[1].reasons == (
        "in doubt: its label in the file, joy, is improbable to the classifier",
    )
    assert queue.rows[2].reasons[1] == (
        "drifted: its words are unlike those of the training texts (p = 0.010)"
    )
    # What has a label that is not in doubt is not asked.
    assert [row.text for row in queue.labelled] == ["e", "f", "g", "h"]


def test_texts_that_repeat_are_asked_once_and_their_labels_compared() -> None:
    given = (None, "joy", "joy", "fear", None)
    queue = order_rows(
        rows("a  b", "a b", "c", "c", "d", given=given), [said(0.1, 0.8, 0.1)] * 5, LABELS
    )
    assert {row.text: row.reasons[0] for row in queue.rows}["c"] == (
        "in doubt: the file gives this text the labels joy and fear"
    )
    assert [row.text for row in queue.labelled] == ["a  b"]
    assert queue.labelled[0].given == "joy"
    assert queue.repeated == 2


def test_rows_without_a_visible_text_are_last_and_differ() -> None:
    queue = order_rows(rows("", "\u200b", "a", ""), [EVEN, EVEN, SURE, EVEN], LABELS)
    assert [row.text for row in queue.rows] == ["a", "", "\u200b"]
    assert queue.rows[2].reasons == ("last: it has no visible text",)


def test_a_classifier_without_probabilities_leaves_the_order_of_the_file() -> None:
    queue = order_rows(rows("a", "b", given=(None, "joy")), [Said("joy"), Said("fear")], LABELS)
    assert [row.text for row in queue.rows] == ["a"]
    assert queue.rows[0].reasons == (
        "in the order of the file: the classifier has no probabilities",
    )


def test_labels_that_the_classifier_does_not_know_are_not_doubted() -> None:
    queue = order_rows(rows("a", "b", given=("envy", None)), [SURE, SURE], LABELS)
    assert [row.text for row in queue.labelled] == ["a"]


def test_no_rows_make_an_empty_queue() -> None:
    assert order_rows([], [], LABELS).rows == ()


def test_a_row_comes_back_from_json_as_it_was() -> None:
    queue = order_rows(rows("a\u202e\x00", given=(None,)), [Said(None)], LABELS)
    assert from_json(to_json(queue.rows[0])) == queue.rows[0]
    queue = order_rows(rows("a"), [EVEN], LABELS)
    assert from_json(to_json(queue.rows[0])) == queue.rows[0]


def test_the_id_of_a_row_is_the_hash_of_its_text() -> None:
    assert row_id("abc") == "ba7816bf8f01cfea"
    assert row_id("\ud800") != row_id("")
