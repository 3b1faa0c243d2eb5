"""The labels that take part when a file is evaluated: spellings of numbers, and wrong columns."""

from collections.abc import Sequence

import pytest

from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.serving.label_choice import labels_for_models, parse_labels, same_numbers


def _rows(labels: Sequence[str]) -> list[Example]:
    return [Example(f"note {position}", label, {}) for position, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("written", "labels", "expected"),
    [
        (["1.0", "2.0", "x"], ["1", "2"], ["1", "2", "x"]),
        (["1", "-1"], ["1.0", "-1.0"], ["1.0", "-1.0"]),
        (["1.0", "1"], ["1", "1.0"], ["1.0", "1"]),
        (["1.5", "nan"], ["1", "2"], ["1.5", "nan"]),
        (["joy"], ["joy", "fear"], ["joy"]),
    ],
)
def test_numbers_in_another_spelling(
    written: list[str], labels: list[str], expected: list[str]
) -> None:
    assert [row.label for row in same_numbers(_rows(written), labels)] == expected


def test_a_column_of_ids_is_no_column_of_labels() -> None:
    with pytest.raises(UsageError, match=r"200 different values in 200 rows.*--label"):
        labels_for_models(None, {}, _rows([f"user {n}" for n in range(200)]), [])
    labels, _ = labels_for_models(None, {}, _rows([f"class {n % 150}" for n in range(450)]), [])
    assert len(labels) == 150


def test_named_labels_are_in_normal_form() -> None:
    assert parse_labels("cafe\u0301,ice\u00a0bar") == ("café", "ice bar")
