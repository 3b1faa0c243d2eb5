"""Texts and labels are taken as people hand them over, and refused in one sentence."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning

from tunelab.classifiers.text_input import as_classes, as_texts, class_words
from tunelab.classifiers.validation_rows import draw_validation
from tunelab.data.examples import Example

TEXTS = ["we won", "who is there", ""]
TABLE = pd.DataFrame({"text": TEXTS, "more": [1, 2, 3]})


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        TABLE["text"],
        TABLE["text"].astype("string"),
        TABLE["text"].set_axis([7, 7, 2]),
        pd.array(TEXTS, dtype="string"),
        iter(TEXTS),
        dict.fromkeys(TEXTS, 0).keys(),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_every_row_of_texts_is_taken(texts: Any) -> None:
    found = as_texts(texts)
    assert found == TEXTS
    assert {type(text) for text in found} == {str}


def test_half_a_character_becomes_a_question_mark() -> None:
    assert as_texts(["a \ud83d b", "ور 🎈"]) == ["a ? b", "ور 🎈"]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("we won", "X is one text; give a list of texts"),
        (b"we won", "X is one text"),
        ([], "X holds 0 texts"),
        (TABLE["text"][:0], "X holds 0 texts"),
        (TABLE, r"X has 2 dimensions \(3, 2\), and needs 1; name its column of texts"),
        (TABLE[["text"]], "as in table"),
        (np.array([TEXTS]).T, r"X has 2 dimensions \(3, 1\), and needs 1; choose its column"),
        (np.zeros((2, 2, 2)), "X has 3 dimensions"),
        (np.array("we won"), "X has 0 dimensions"),
        (["a", 3], "X holds 3 at position 1, which is not a text"),
        (["a", None], "X holds None at position 1"),
        (["a", float("nan")], "X holds nan at position 1"),
        ([["a"], ["b"]], "position 0, which is not a text"),
        (pd.Series(["a", pd.NA], dtype="string"), "X holds <NA> at position 1"),
        (np.array([1, 2]), "which is not a text"),
        ({"text": "a"}, "X must be a list of texts, not"),
        (3, "X must be a list of texts, not 3"),
        (None, "X must be a list of texts, not None"),
        (["a", b"b"], "which is not a text"),
    ],
    ids=repr,
)
def test_what_is_no_row_of_texts_is_told(texts: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        as_texts(texts)


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (["joy", "fear", "joy"], ["fear", "joy"], ("fear", "joy")),
        ([3, -1, 3], [-1, 3], ("-1", "3")),
        ([True, False, True], [False, True], ("False", "True")),
        ([1.0, 0.0, 1.0], [0.0, 1.0], ("0", "1")),
        (np.array([2, 1, 2], dtype=np.uint8), [1, 2], ("1", "2")),
        (np.array(["b", "a", "b"], dtype=object), ["a", "b"], ("a", "b")),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"], ("a", "b")),
        (pd.Series(["b", "a", "b"], dtype="string"), ["a", "b"], ("a", "b")),
        (pd.Series([1, 0, 1], dtype="Int64"), [0, 1], ("0", "1")),
        (("شادی", "ترس", "شادی"), ["ترس", "شادی"], ("ترس", "شادی")),
    ],
    ids=repr,
)
def test_classes_keep_their_type(labels: Any, classes: list[Any], words: tuple[str, ...]) -> None:
    found, index = as_classes(labels, 3)
    assert found.tolist() == classes
    assert {type(value) for value in found.tolist()} == {type(value) for value in classes}
    assert list(found[index]) == list(np.asarray(labels))
    assert class_words(found) == words


def test_a_column_of_labels_is_taken_with_the_usual_warning() -> None:
    with pytest.warns(DataConversionWarning):
        classes, _ = as_classes(np.array([[1], [2], [1]]), 3)
    assert classes.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (["a", "b"], "X holds 3 texts and y holds 2 labels"),
        (["a", "a", "a"], "y holds only the class 'a'; a classifier needs 2 classes"),
        (["a", None, "b"], "y holds no label at position 1"),
        (["a", float("nan"), "b"], "y holds no label at position 1"),
        (np.array([1.0, float("nan"), 2.0]), "contains NaN"),
        ([1.0, float("inf"), 2.0], "contains infinity"),
        ([0.1, 0.2, 0.35], "continuous"),
        (["a", 1, "b"], "several types"),
        ([[1, 0], [0, 1], [1, 1]], "1d array"),
        (pd.Series([1, pd.NA, 2], dtype="Int64"), "contains NaN|y holds no label"),
        (pd.to_datetime(pd.Series(["2020", "2021", "2020"])), "a label must be"),
        (np.array(["a", float("nan"), "b"], dtype=object), "y holds no label at position 1"),
        (["a", " ", "b"], "y holds a blank label"),
        (pd.Series(["a", None, "b"]), "y holds no label at position 1"),
    ],
    ids=repr,
)
def test_what_is_no_label_is_told(labels: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        class_words(as_classes(labels, 3)[0])


@pytest.mark.parametrize("classes", [["a", "a "], ["Joy", "joy"], ["STRASSE", "straße"]])
def test_two_classes_with_one_word_are_told(classes: list[str]) -> None:
    with pytest.raises(ValueError, match="differ at most in case or blanks"):
        class_words(np.array(classes))


def _rows(**counts: int) -> list[Example]:
    return [Example(f"{label} {n}", label) for label, count in counts.items() for n in range(count)]


@pytest.mark.parametrize(
    ("fraction", "validation"), [(0.0, 0), (0.1, 4), (0.5, 20), (0.99, 37), (0.01, 0)]
)
def test_validation_rows_are_drawn_out(fraction: float, validation: int) -> None:
    rows = _rows(a=20, b=19, c=1)
    train, drawn = draw_validation(rows, fraction, seed=0)
    assert sorted(map(str, [*train, *drawn])) == sorted(map(str, rows))
    assert abs(len(drawn) - validation) <= 2
    assert {row.label for row in train} == {"a", "b", "c"}
    assert draw_validation(rows, fraction, seed=0) == (train, drawn)


def test_copies_of_a_text_stay_together() -> None:
    rows = [Example(f"text  {number % 10}", "ab"[number % 2]) for number in range(40)]
    train, validation = draw_validation(rows, 0.3, seed=1)
    assert len(validation) == 12
    assert not {row.text for row in train} & {row.text for row in validation}
