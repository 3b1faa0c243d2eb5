"""What a review says of the test rows is what `tunelab predict` and `serve` do with them."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import tunelab
from conftest import TEXTS, Workspace
from tiny_encoder import write_encoder
from tunelab.classifiers.stored import open_classifier
from tunelab.cli.main import main
from tunelab.config import Evaluation, make_study
from tunelab.evaluation.review.record import Review
from tunelab.runs.run_folder import read_run
from tunelab.serving.http.classified import classified
from tunelab.serving.http.labelling import label_in_one_pass
from tunelab.serving.http.served import Served
from tunelab.serving.review_rule import read_review_rule
from tunelab.study.judging.review import reviews_of
from tunelab.study.run import run_study

REVIEWED = {
    "lora": "adapters",
    "lora-head": "adapters",
    "encoder": "classifiers",
    "setfit": "classifiers",
    "embedding": "classifiers",
    "tfidf-logistic": "classifiers",
}


def _write_splits(folder: Path) -> Path:
    """Three splits of rows, no two alike."""
    folder.mkdir()
    number = 0
    for split, copies in {"train": 3, "validation": 3, "test": 4}.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for _ in range(copies):
                for label, texts in TEXTS.items():
                    writer.writerows([f"{text} {number}", label] for text in texts)
                number += 1
    return folder


@pytest.fixture(scope="module")
def folder(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with a classifier of each kind that has probabilities, and one without."""
    out = tmp_path_factory.mktemp("reviewed")
    encoder = str(write_encoder(out / "encoder", pooling={"pooling_mode_mean_tokens": True}))
    few: dict[str, Any] = {"model": encoder, "epochs": 2, "learning_rate": 1e-3}
    study = make_study(
        {
            "name": "reviewed",
            "data": {"source": str(_write_splits(out / "rows"))},
            "prompt": {"system": "Labels are {labels}.", "max_length": 96},
            "models": {"base": None, "instruct": str(workspace.folder / "model")},
            "methods": [
                {"name": "lora", "r": 4, "alpha": 8},
                {"name": "lora", "r": 4, "alpha": 8, "answers": "head"},
            ],
            "training": {"epochs": 3, "batch_size": 8, "learning_rate": 0.02, "tracking": []},
            "evaluation": {
                "baselines": ["tfidf-svm"],
                "resamples": 100,
                "facts_seconds": 0,
            },
            "classifiers": [
                {"name": "encoder", "use": "encoder", **few},
                {"name": "setfit", "use": "setfit", "model": encoder, "pairs": 64},
                {"name": "embedding", "use": "embedding", "model": encoder},
                {"name": "tfidf-logistic", "use": "tfidf-logistic"},
            ],
            "review": {"accuracy": 0.4, "coverage": 0.9},
        }
    )
    run_study(study, out / "run")
    return out / "run"


def _review(folder: Path, name: str) -> Review:
    found = [one for one in reviews_of(read_run(folder)).reviews if one.name == name]
    assert found, reviews_of(read_run(folder)).left_out
    return found[0]


@pytest.mark.parametrize("name", REVIEWED)
def test_the_promise_is_of_what_predict_does(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review = _review(folder, name)
    table = tunelab.open_run(folder).predictions
    table = table[table["name"] == name]
    truth = table["truth"].tolist()
    rows = tmp_path / "rows.csv"
    with rows.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in table["text"])])
    adapter = folder / REVIEWED[name] / name
    assert main(["predict", str(rows), "--adapter", str(adapter), "--label-sets"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    needed = [one["needs_review"] for one in answers]
    kept = [one["label"] == true for one, true in zip(answers, truth, strict=True)]
    kept = [right for right, needs in zip(kept, needed, strict=True) if not needs]
    if review.kept is None:
        assert all(needed)
    else:
        assert (review.kept.kept, review.kept.right) == (len(kept), sum(kept))
    held = [true in one["label_set"] for one, true in zip(answers, truth, strict=True)]
    assert sum(held) / len(held) == pytest.approx(review.sets[0].coverage.value)
    # The service says the same of the same texts.
    rule = read_review_rule(adapter)
    fitted = open_classifier(
        adapter, device="cpu", dtype="float32", evaluation=Evaluation(batch_size=64)
    )
    served = Served(name, fitted, None, probabilities=True, about={}, rule=rule)
    labels = label_in_one_pass(fitted, table["text"].tolist(), probabilities=True)
    answer = classified(served, labels, with_probabilities=False)
    assert [one["needs_review"] for one in answer["results"]] == needed
    assert [one["label"] for one in answer["results"]] == [one["label"] for one in answers]
    assert [list(one["label_set"]) for one in answer["results"]] == [
        one["label_set"] for one in answers
    ]


def test_each_kind_is_looked_at(folder: Path) -> None:
    found = reviews_of(read_run(folder))
    assert found.left_out == {"tfidf-svm": "it has no probabilities"}
    assert {one.name for one in found.reviews} >= set(REVIEWED)
    # Words of a model that was hardly trained are not always its likeliest label.
    assert _review(folder, "lora").other > 0
    assert _review(folder, "lora-head").other == 0
    # Or nothing above would be looked at.
    assert sum(one.kept is not None and one.kept.kept > 0 for one in found.reviews) >= 2
