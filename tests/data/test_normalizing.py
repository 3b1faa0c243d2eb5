"""One form of texts and labels: what becomes the same, and what stays apart."""

import pytest

from tunelab.data.confusable_labels import confusable
from tunelab.data.normalizing import normal_label, normal_text
from tunelab.data.text_identity import identity


@pytest.mark.parametrize(
    ("written", "text", "label"),
    [
        ("cafe\u0301", "café", "café"),
        (" very\u00a0good\u202f", "very good", "very good"),
        ("in\u200bvisible\ufeff", "invisible", "invisible"),
        ("two  blanks\tand a tab", "two  blanks\tand a tab", "two blanks and a tab"),
        ("می‌خوانم", "می‌خوانم", "می‌خوانم"),
        ("\u200fشادی", "\u200fشادی", "شادی"),
        ("co\u00adop", "co\u00adop", "coop"),
        ("👩\u200d🚒", "👩\u200d🚒", "👩\u200d🚒"),
        ("شادي", "شادي", "شادي"),
        ("Joy ①", "Joy ①", "Joy ①"),
    ],
)
def test_forms(written: str, text: str, label: str) -> None:
    assert normal_text(written) == text
    assert normal_label(written) == label
    assert normal_label(label) == label


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["joy", "Joy"], "in case alone"),
        (["شادی", "شادي"], "look alike"),
        (["كتاب", "کتاب"], "look alike"),
        (["می‌روم", "میروم"], "half-spaces"),
        (["top up", "top-up", "topup"], "blanks"),
        (["نوع ۱", "نوع 1"], "digits"),
        (["paper", "рaреr"], "look alike"),
        (["❤", "❤\ufe0f"], "half-spaces"),
        (["joy", "“joy”"], "quotation marks"),
        (["joy", '"joy"', "«joy»"], "quotation marks"),
        (["joy", "joy."], "punctuation mark"),
    ],
)
def test_labels_that_are_kept_apart(labels: list[str], reason: str) -> None:
    (sentence,) = confusable(["other", *labels, "third"])
    assert reason in sentence
    assert all(repr(label) in sentence for label in labels)


def test_labels_that_are_not_confused() -> None:
    assert (
        confusable(
            ["1", "2", "12", "-1", "C", "C#", "C++", ":)", ":(", "joy", "enjoy", '"', "'", ".", ":"]
        )
        == []
    )


@pytest.mark.parametrize("text", ["", " \u00a0\t", "\u200b\u200c\u200d", "\u200e \u2060"])
def test_texts_without_a_visible_character(text: str) -> None:
    assert identity(text) == ""


@pytest.mark.parametrize("text", ["😀", ".", "\u200c۱", "❤\ufe0f"])
def test_texts_with_one(text: str) -> None:
    assert identity(text)
