"""Data checks: counts that are right on rows whose faults are known."""

import os
from pathlib import Path

import pytest

from tunelab.data.checks import check, clean
from tunelab.data.examples import Dataset, Example
from tunelab.data.sources import open_source
from tunelab.data.splitting import complete_splits, make_dataset
from tunelab.errors import UsageError

ALL = ["repeated", "conflicting", "shared"]


def _dataset() -> Dataset:
    train = [("one", "x"), ("one", "x"), ("two", "x"), ("two", "y"), ("three", "y"), (" ", "x")]
    splits = {
        "train": [Example(*row) for row in train],
        "validation": [Example("three", "y"), Example("four", "x")],
        "test": [Example("four", "x"), Example("one", "x"), Example("", "y")],
    }
    return make_dataset(splits, labels=None, origin="here", licence="none")


def test_counts() -> None:
    report = check(_dataset())
    assert report.repeated == {"train": 2, "validation": 0, "test": 0}
    assert report.conflicting == 1
    assert report.shared == {"validation": 1, "test": 2}
    assert report.blank == {"train": 1, "validation": 0, "test": 1}


def test_what_is_left_out() -> None:
    cleaned, dropped = clean(_dataset(), drop=ALL)
    assert [row.text for row in cleaned.splits["train"]] == []
    assert [row.text for row in cleaned.splits["validation"]] == ["three"]
    assert [row.text for row in cleaned.splits["test"]] == ["four", "one"]
    assert dropped["conflicting"] == {"train": 2}
    kept, _ = clean(_dataset(), drop=[])
    assert len(kept.splits["train"]) == 5


def test_drawn_splits_share_no_text() -> None:
    rows = [Example(f"text {position % 40}", "xy"[position % 2]) for position in range(80)]
    dataset = make_dataset({"train": rows}, labels=None, origin="a", licence="b")
    splits = complete_splits(dataset, 1).splits
    texts = [{row.text for row in part} for part in splits.values()]
    assert all(texts)
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    assert sum(map(len, splits.values())) == 80


def test_spacing_and_unicode_forms_are_the_same_text() -> None:
    splits = {
        "train": [Example("caf\u00e9  here", "x"), Example(" cafe\u0301 here", "x")],
        "test": [Example("caf\u00e9 here\n", "y"), Example("Caf\u00e9 here", "y")],
    }
    dataset = make_dataset(splits, labels=None, origin="here", licence="none")
    report = check(dataset)
    assert report.repeated["train"] == 1
    assert report.shared["test"] == 1
    cleaned, dropped = clean(dataset, drop=["repeated"])
    assert [row.text for row in cleaned.splits["train"]] == ["caf\u00e9  here"]
    assert dropped == {"repeated": {"train": 1}}


def test_labels_outside_the_set() -> None:
    rows = {"train": [Example("one", "x"), Example("two", "z")]}
    with pytest.raises(UsageError, match="the label 'z' is not among x, y"):
        make_dataset(rows, labels=["x", "y"], origin="here", licence="none")


def test_known_faults_of_the_emotion_data() -> None:
    folder = os.environ.get("TUNELAB_EMOTION")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TUNELAB_EMOTION does not name a folder with the emotion data")
    dataset = open_source(folder, text="text", label="label")
    report = check(dataset)
    shared = report.shared["validation"] + report.shared["test"]
    assert (report.repeated["train"], report.conflicting, shared) == (31, 30, 5)
    assert report.near_duplicates is not None
    assert len(complete_splits(dataset, 0).splits["test"]) == 2000
