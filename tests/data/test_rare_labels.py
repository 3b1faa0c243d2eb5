"""Labels with few rows are named with how many they have."""

from tunelab.data.rare_labels import rare_labels


def test_labels_with_few_rows() -> None:
    counts = {
        "train": {"a": 100, "b": 8, "c": 7, "d": 1, "e": 0},
        "validation": dict.fromkeys("abcde", 0),
        "test": {"a": 100, "b": 10, "c": 10, "d": 9, "e": 100},
    }
    train, test = rare_labels(counts)
    assert train == (
        "3 of 5 labels have fewer than 8 training rows: e (0), d (1), c (7); what is trained "
        "hardly learns them."
    )
    assert test.startswith("1 label has fewer than 10 test rows: d (9); how well it is")
    assert "c (7)" in rare_labels(counts, train_from=2)[0]
    assert "d (1)" not in rare_labels(counts, train_from=2)[0]


def test_enough_rows() -> None:
    counts = {"train": {"a": 8, "b": 9}, "validation": {}, "test": {"a": 10, "b": 10}}
    assert rare_labels(counts) == []
