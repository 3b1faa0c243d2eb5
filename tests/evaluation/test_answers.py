"""Labels parsed from answers, and the reason where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunelab.evaluation.answers import (
    EMPTY,
    NEGATED,
    NO_LABEL,
    REASONS,
    SEVERAL,
    parse_answer,
)

LABELS = ["sadness", "joy", "love", "anger", "fear", "surprise"]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("joy", "joy"),
        ("JOY!!!", "joy"),
        (" **Joy** ", "joy"),
        ("'Sadness.'", "sadness"),
        ("“joy”", "joy"),
        ("ＪＯＹ", "joy"),
        ("_love_", "love"),
        ("Label: surprise\n", "surprise"),
        ("The emotion in this text is fear.", "fear"),
        ("fear fear", "fear"),
        ("joy, not sadness", "joy"),
        ("not sadness but joy", "joy"),
        ("neither joy nor love, but fear", "fear"),
        ("joy is not sadness", "joy"),
        ("No, anger", "anger"),
        ("I'm not sure, fear", "fear"),
        ("This can’t be joy. It’s fear", "fear"),
        ("Sadness is not what I see here; it is anger", "anger"),
    ],
)
def test_a_label(answer: str, label: str) -> None:
    assert parse_answer(answer, LABELS).label == label
    assert parse_answer(answer, LABELS).reason is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", EMPTY),
        (" . ", EMPTY),
        ("happiness", NO_LABEL),
        ("joyful", NO_LABEL),
        ("angry", NO_LABEL),
        ("I cannot tell.", NO_LABEL),
        ("sadness and joy", SEVERAL),
        ("fear/anger", SEVERAL),
        ("not sadness", NEGATED),
        ("It isn't joy", NEGATED),
        ("It isn’t really a feeling of joy", NEGATED),
        ("no joy", NEGATED),
        ("non-joy", NEGATED),
        ("anything but joy", NEGATED),
        ("the opposite of joy", NEGATED),
        ("sadness is not it", NEGATED),
        ("neither joy nor love", NEGATED),
    ],
)
def test_no_label(answer: str, reason: str) -> None:
    assert parse_answer(answer, LABELS).label is None
    assert parse_answer(answer, LABELS).reason == reason


def test_labels_within_labels_and_other_scripts() -> None:
    assert parse_answer("very positive", ["positive", "very positive"]).label == "very positive"
    assert parse_answer("It is not spam.", ["spam", "not spam"]).label == "not spam"
    assert parse_answer("Answer: 2", ["1", "2"]).label == "2"
    assert parse_answer("2.5", ["2", "5"]).label is None
    assert parse_answer("شادی.", ["شادی", "غم"]).label == "شادی"


@given(st.text(max_size=200))
def test_anything_is_parsed(answer: str) -> None:
    parsed = parse_answer(answer, LABELS)
    assert (parsed.label in LABELS) != (parsed.reason in REASONS)


@given(st.sampled_from(LABELS), st.sampled_from(["", ".", "!", '"', "\n", " ", "**"]))
def test_marks_around_a_label_do_not_matter(label: str, mark: str) -> None:
    assert parse_answer(f"{mark}{label.title()}{mark}", LABELS).label == label
