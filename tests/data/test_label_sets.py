"""Labels of all splits together, and columns that hold no labels: told by name."""

import json
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tunelab.data.examples import SPLITS, Dataset
from tunelab.data.label_sets import labels_of_one_split
from tunelab.data.sources import open_source
from tunelab.data.splitting import complete_splits
from tunelab.errors import UsageError


def _folder(folder: Path, **splits: Sequence[object]) -> Dataset:
    for split, labels in splits.items():
        lines = [
            json.dumps({"text": f"{split} {n}", "label": label}) for n, label in enumerate(labels)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return open_source(str(folder), text="text", label="label")


def _file(folder: Path, labels: Sequence[object], extra: Callable[[int], object] = str) -> Path:
    path = folder / "rows.jsonl"
    rows = [
        {"text": f"note {n}", "label": label, "more": extra(n)} for n, label in enumerate(labels)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize("hidden", [-1, "-1", "?", None])
def test_hidden_test_labels(tmp_path: Path, hidden: object) -> None:
    dataset = _folder(tmp_path, train=["a", "b"] * 5, validation=["a", "b"], test=[hidden] * 4)
    assert dataset.labels == ["a", "b"]
    assert any("hidden labels" in note for note in dataset.notes)
    completed = complete_splits(dataset, 1)
    assert [row.text for row in completed.splits["test"]] == ["validation 0", "validation 1"]


def test_minus_one_that_is_trained_is_a_label(tmp_path: Path) -> None:
    dataset = _folder(tmp_path, train=[-1, 0, 1] * 4, test=[-1, -1])
    assert len(dataset.splits["test"]) == 2
    assert dataset.labels == ["-1", "0", "1"]


def test_test_labels_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no label of the test rows \(0, 1\) stands in the train"):
        _folder(tmp_path, train=["a", "b"] * 5, test=[0, 1])


def test_one_number_in_two_spellings(tmp_path: Path) -> None:
    dataset = _folder(tmp_path, train=["1", "2", "1"], test=["1.0", "2"])
    assert [row.label for row in dataset.splits["test"]] == ["1", "2"]
    assert any("'1.0' (1 row) and '1' (2 rows) are one number" in one for one in dataset.notes)
    assert any("bare numbers" in one for one in dataset.notes)


def test_spellings_that_are_merged(tmp_path: Path) -> None:
    dataset = _folder(tmp_path, train=["caf\u00e9", "cafe\u0301", "ice bar", "ice\u00a0bar", "nan"])
    assert dataset.labels == ["café", "ice bar", "nan"]
    told = " ".join(dataset.notes)
    for words in ("Unicode NFC and NFD", "no-break blanks", "'nan' looks like a value"):
        assert words in told


def test_several_labels_in_a_cell(tmp_path: Path) -> None:
    labels = ["late", "broken", "late, broken", "broken;late", "A/B", "C++", "+"]
    dataset = _folder(tmp_path, train=labels)
    (told,) = [note for note in dataset.notes if "one label" in note]
    assert told.startswith("2 labels join other labels ('broken;late', 'late, broken')")


def test_labels_that_stand_alone() -> None:
    counts = {
        "train": {"a": 5, "b": 1, "c": 0, "d": 0, "e": 0},
        "validation": {"a": 1, "b": 0, "c": 0, "d": 2, "e": 0},
        "test": {"a": 1, "b": 0, "c": 1, "d": 0, "e": 0},
    }
    told = labels_of_one_split(counts)
    for label, words in {
        "c": "has test rows and no training row",
        "d": "has validation rows and no training row",
        "e": "has no row at all",
        "b": "has no test row",
    }.items():
        assert any(f"'{label}' {words}" in sentence for sentence in told)
    assert any(
        "All test rows have the label" in one
        for one in labels_of_one_split(
            {"train": {"a": 5, "b": 2}, "validation": {"a": 1, "b": 0}, "test": {"a": 3, "b": 0}}
        )
    )
    many = {split: dict.fromkeys(map(str, range(200)), 1) for split in SPLITS}
    assert "200 labels have one training row" in labels_of_one_split(many)[0]
    assert len(labels_of_one_split(many)[0]) < 200


@pytest.mark.parametrize("rare", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_every_label_keeps_a_training_row(tmp_path: Path, rare: int, seed: int) -> None:
    labels = ["often"] * 30 + ["seldom"] * 9 + [f"rare {n}" for n in range(6) for _ in range(rare)]
    dataset = open_source(str(_file(tmp_path, labels)), text="text", label="label")
    splits = complete_splits(dataset, seed).splits
    assert {row.label for row in splits["train"]} == set(labels)
    assert sum(map(len, splits.values())) == len(labels)
    assert len({row.text for rows in splits.values() for row in rows}) == len(labels)
    assert len(splits["test"]) == int(0.2 * len(labels))


@pytest.mark.parametrize("rare", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_a_label_with_two_rows_is_trained_and_tested(tmp_path: Path, rare: int, seed: int) -> None:
    labels = ["often"] * 40 + ["seldom"] * rare + ["single"]
    dataset = open_source(str(_file(tmp_path, labels)), text="text", label="label")
    splits = complete_splits(dataset, seed).splits
    assert {row.label for row in splits["test"]} == {"often", "seldom"}
    assert {row.label for row in splits["train"]} == {"often", "seldom", "single"}
    assert len(splits["test"]) == int(0.2 * len(labels))
    assert sum(map(len, splits.values())) == len(labels)


def test_test_rows_reach_as_far_as_they_can(tmp_path: Path) -> None:
    labels = [f"label {n}" for n in range(20) for _ in range(2)]
    dataset = open_source(str(_file(tmp_path, labels)), text="text", label="label")
    splits = complete_splits(dataset, 1).splits
    assert len({row.label for row in splits["test"]}) == len(splits["test"]) == 8
    assert {row.label for row in splits["train"]} == set(labels)


@pytest.mark.parametrize("rows", [3, 4, 6, 9])
def test_few_rows_are_split(tmp_path: Path, rows: int) -> None:
    path = _file(tmp_path, ["yes", "no"] * 5)
    lines = path.read_text(encoding="utf-8").splitlines()[:rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    splits = complete_splits(open_source(str(path), text="text", label="label"), 3).splits
    assert len(splits["test"]) == 1
    assert {row.label for row in splits["train"]} == {"yes", "no"}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([str(uuid.UUID(int=n * 7919)) for n in range(200)], "it seems to number the rows"),
        ([n / 7 for n in range(60)], "scores.*cut them into classes"),
        ([f"the reply to note {n} was long and kind" for n in range(40)], "texts, not labels"),
        ([f"user {n // 3}" for n in range(3300)], "to name people or things"),
    ],
)
def test_columns_that_hold_no_labels(
    tmp_path: Path, labels: Sequence[object], message: str
) -> None:
    path = _file(tmp_path, labels, lambda n: "xyz"[n % 3])
    with pytest.raises(UsageError, match=f"{message}.*'more' .3 different values.*data.label=more"):
        open_source(str(path), text="text", label="label")
    path = _file(tmp_path, labels)
    with pytest.raises(UsageError, match=f"{message}.*columns are 'text', 'label', 'more'"):
        open_source(str(path), text="text", label="label")


def test_swapped_columns(tmp_path: Path) -> None:
    path = _file(tmp_path, ["a", "b"] * 20)
    with pytest.raises(UsageError, match=r"swapped; try data\.text=text data\.label=label"):
        open_source(str(path), text="label", label="text")


def test_swapped_columns_with_long_texts(tmp_path: Path) -> None:
    rows = [{"a": f"the reply to note {n} was long and kind", "b": "xy"[n % 2]} for n in range(40)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(UsageError, match=r"swapped; try data\.text=a data\.label=b"):
        open_source(str(path), text="b", label="a")


def test_labels_with_decimals_are_bare_numbers(tmp_path: Path) -> None:
    dataset = open_source(str(_file(tmp_path, ["1.0", "2.0"] * 9)), text="text", label="label")
    assert any("bare numbers" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "labels",
    [
        [f"class {n % 77}" for n in range(770)],
        [f"class {n % 150}" for n in range(300)],
        [f"class {n % 150}" for n in range(225)],
        [f"class {n % 1000}" for n in range(5000)],
        [f"class {n}" for n in range(14)] + ["class 0"] * 4,
        [f"{n % 10 / 2}" for n in range(60)],
        [f"{n % 3} " + "words of a very long label " * 11 for n in range(12)],
    ],
)
def test_many_labels_are_no_fault(tmp_path: Path, labels: list[str]) -> None:
    dataset = open_source(str(_file(tmp_path, labels)), text="text", label="label")
    assert len(dataset.labels) == len(set(labels))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["['late', 'lost']", "['late']"], ["2 labels join", "['late', 'lost']"]),
        (["[0, 3]", "[2]", "[]"], ["3 labels join", "[0, 3]"]),
        (["late,lost", "late"], ["1 label joins", "late,lost"]),
        (["late|lost", "lost|torn", "torn|late"], ["3 labels join"]),
        (["Sci/Tech", "World", "Food & Drink", "C++", "C"], []),
        (["New York, NY", "Albany, NY"], []),
        (["[unclear]", "clear"], []),
    ],
)
def test_labels_that_hold_several(tmp_path: Path, labels: list[str], told: list[str]) -> None:
    notes = [note for note in _folder(tmp_path, train=labels).notes if " join" in note]
    assert len(notes) == bool(told)
    assert all(words in notes[0] for words in told)


def test_every_label_that_looks_missing_is_named(tmp_path: Path) -> None:
    (told,) = _folder(tmp_path, train=["N/A", "None", "late"] * 3).notes
    assert told == (
        "The labels 'N/A', 'None' look like values that are missing; each is taken as a class."
    )
