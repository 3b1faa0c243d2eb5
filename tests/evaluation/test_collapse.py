"""One label for nearly all rows is told, and a common label that was found is not."""

from collections.abc import Sequence

import pytest

from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.metrics import score


def _found(truth: list[str], predicted: Sequence[str | None]):  # type: ignore[no-untyped-def]
    labels = sorted({*truth, *(label for label in predicted if label)})
    return collapse_of(score(truth, predicted, labels).to_dict())


def test_a_collapse_names_the_label_and_its_rows() -> None:
    truth = ["a"] * 40 + ["b"] * 41 + ["c"] * 41
    found = _found(truth, ["b"] * 120 + ["a", "c"])
    assert found is not None
    assert (found.label, found.given, found.rows, found.true) == ("b", 120, 122, 41)
    assert "the label b to 120 of 122 rows" in found.sentence("lora")


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        # The label is as common as the model says.
        (["a"] * 97 + ["b"] * 3, ["a"] * 98 + ["b"] * 2),
        # One in ten is another.
        (["a"] * 50 + ["b"] * 50, ["a"] * 90 + ["b"] * 10),
        # Most answers hold no label, which is another fault.
        (["a"] * 50 + ["b"] * 50, ["a"] * 40 + [None] * 60),
        # So few rows may have one answer by chance.
        (["a", "b", "c"], ["b", "b", "b"]),
        ([], []),
    ],
)
def test_what_is_no_collapse(truth: list[str], predicted: list[str | None]) -> None:
    assert _found(truth, predicted) is None


def test_the_rare_label_that_is_never_found() -> None:
    found = _found(["a"] * 90 + ["b"] * 10, ["a"] * 100)
    assert found is not None
    assert (found.given, found.true) == (100, 90)


def test_the_one_label_of_nearly_all_rows_and_no_row_of_another() -> None:
    truth = ["a"] * 97 + ["b"] * 3
    found = _found(truth, ["a"] * 100)
    assert found is not None
    assert (found.label, found.given, found.true) == ("a", 100, 97)
    # A wrong guess at the rare label finds nothing either.
    assert _found(truth, ["b", *["a"] * 99]) is not None
    assert _found(truth, ["a"] * 99 + ["b"]) is None
    # Two rows may be missed by chance.
    assert _found(["a"] * 98 + ["b"] * 2, ["a"] * 100) is None
