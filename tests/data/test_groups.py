"""Rows that belong together stay in one split, near their shares, and what cannot be is told."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunelab.classifiers.chosen_by_folds import choose
from tunelab.config import Data, Sample
from tunelab.data.examples import SPLITS, Dataset, Example
from tunelab.data.groups import draw_parts, stays_together, with_groups
from tunelab.data.splitting import make_dataset
from tunelab.errors import UsageError
from tunelab.study.prepare import PreparedData, prepare
from tunelab.study.sweeps.rows import hold_out_rows

LABELS = ("fault", "praise", "question")


def rows_of(authors: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of authors of different sizes, most of whose rows have one label."""
    draw = random.Random(seed)
    rows = []
    for author in range(authors):
        own = LABELS[author % 3]
        for number in range(2 + author % 7):
            label = own if draw.random() < 0.7 else draw.choice(LABELS)
            text = f"{draw.choice(('door', 'lift', 'lamp', 'roof'))} {author} {number}"
            rows.append({"text": text, "label": label, "author": f"a{author}"})
    return rows


def prepared(
    folder: Path, rows: Sequence[dict[str, Any]], **more: Any
) -> tuple[PreparedData, list[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    told: list[str] = []
    data = Data(source=str(file), group="author", **more)
    return prepare(data, seed=1, out=folder / "out", tell=told.append), told


def groups(data: PreparedData, split: str) -> set[str | None]:
    return {row.group for row in data.splits[split]}


def test_a_group_stays_in_one_split(tmp_path: Path) -> None:
    rows = rows_of(60)
    data, told = prepared(tmp_path, rows)
    whole = len(rows)
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not groups(data, one) & groups(data, other)
    for split, share in (("test", 0.2), ("validation", 0.1), ("train", 0.7)):
        assert len(data.splits[split]) / whole == pytest.approx(share, abs=0.02)
        for label in LABELS:
            own = sum(row.label == label for row in data.splits[split]) / len(data.splits[split])
            assert own == pytest.approx(
                sum(row["label"] == label for row in rows) / whole, abs=0.06
            )
    origin = data.result.values["origin"]
    assert "Rows with the same value of 'author' stay in one split: validation" in origin
    assert "points" in origin
    assert any("names 60 groups" in one for one in told)
    # Another column is another stage, none at all is the one of before.
    plain = prepare(Data(source=str(tmp_path / "rows.jsonl")), seed=1, out=tmp_path / "out")
    assert plain.hash != data.hash
    assert plain.splits["train"][0].group is None


def test_a_sample_keeps_groups_apart(tmp_path: Path) -> None:
    sample = Sample(train=50, validation=10, test=20)
    data, _ = prepared(tmp_path, rows_of(60), sample=sample)
    assert [len(data.splits[split]) for split in SPLITS] == [50, 10, 20]
    assert not groups(data, "train") & groups(data, "test")
    held = hold_out_rows(data, 0.25, 3)
    assert not groups(held, "train") & groups(held, "test")


def test_copies_of_a_text_tie_groups() -> None:
    rows = [
        Example("The same", "a", group="one"),
        Example("other", "b", group="two"),
        Example("The   same", "a", group="two"),
        Example("alone", "a"),
        Example("alone too", "b"),
    ]
    assert [[row.text for row in part] for part in stays_together(rows)] == [
        ["The same", "other", "The   same"],
        ["alone"],
        ["alone too"],
    ]


def test_a_rare_label_of_few_groups_is_trained_and_tested() -> None:
    rows = [Example(f"{n}", "common", group=f"c{n // 5}") for n in range(200)]
    rows += [Example(f"r{n}", "rare", group=f"r{n // 2}") for n in range(4)]
    rows += [Example(f"s{n}", "single", group="s") for n in range(3)]
    drawn = draw_parts(stays_together(rows), {"validation": 0.1, "test": 0.2, "train": 0.7}, 0)
    assert {row.label for row in drawn["train"]} == {"common", "rare", "single"}
    assert {row.label for row in drawn["test"]} == {"common", "rare"}


def test_one_group_cannot_be_divided(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": LABELS[n % 2], "author": "one"} for n in range(40)]
    with pytest.raises(UsageError, match="1 part, and training needs all of them"):
        prepared(tmp_path, rows)


def made(splits: dict[str, list[Example]]) -> Dataset:
    return make_dataset(splits, labels=None, origin="here", licence="none")


def test_a_group_in_two_given_splits_is_told(tmp_path: Path) -> None:
    def row(text: str, author: Any) -> Example:
        return Example(text, "ab"[len(text) % 2], {"author": author})

    dataset = made(
        {
            "train": [row("one", "x"), row("four", "y"), row("n", None), row("m", float("nan"))],
            "test": [row("three", "x"), row("five", 7.0)],
        }
    )
    found = with_groups(dataset, "author", text="text", label="label")
    notes = " ".join(found.notes)
    assert "1 group of the column 'author' has rows in both train and test (x)" in notes
    assert "2 rows have no value in the column 'author'" in notes
    assert [row.group for row in found.splits["test"]] == ["x", "7"]
    assert [row.group for row in found.splits["train"]] == ["x", "y", None, None]
    # Given splits stay as they came.
    assert len(found.splits["train"]) == 4


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("auther", "unknown column 'auther': did you mean author?"),
        ("label", "is the column of the label"),
        ("text", "is the column of the text"),
        ("tags", "holds lists or objects"),
    ],
)
def test_what_is_no_column_of_groups(column: str, message: str) -> None:
    rows = [Example(f"t{n}", "ab"[n % 2], {"author": "x", "tags": ["a"]}) for n in range(4)]
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        with_groups(made({"train": rows}), column, text="text", label="label")


def test_rows_of_their_own(tmp_path: Path) -> None:
    rows = [Example(f"t{n}", "ab"[n % 2], {"author": n}) for n in range(4)]
    notes = with_groups(made({"train": rows}), "author", text="text", label="label").notes
    assert "No two rows have the same value" in notes[0]


def test_folds_divide_no_group() -> None:
    labels = [LABELS[row % 2] for row in range(40)]
    names = [f"g{row // 4}" for row in range(40)]
    seen = []

    def answer(fitted: Any, asked: Any) -> Any:
        seen.append(len(asked))
        assert not {names[row] for row in fitted} & {names[row] for row in asked}
        yield [labels[row] for row in asked]
        yield ["none"] * len(asked)

    assert choose((1, 2), 9, labels, answer, seed=0, groups=names) == 1
    assert sum(seen) == 40
    # A label of one group cannot be both fitted and asked.
    one = [f"{label}" for label in labels]
    assert choose((1, 2), 9, labels, answer, seed=0, groups=one) == 9
