"""When to ask a person, over a whole study: asked, judged, kept, shown, and applied by predict."""

import csv
import json
import random
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import tunelab
from tunelab.cli.main import main
from tunelab.evaluation.review.words import advice
from tunelab.report.build import build_report
from tunelab.report.review_section import review_section, review_sentence
from tunelab.runs.run_folder import read_run
from tunelab.runs.seals import is_intact
from tunelab.serving.review_rule import read_review_rule
from tunelab.study.judging.decision import decision_of
from tunelab.study.judging.review import review, review_run, reviews_of, rule_of
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

WORDS = {
    "joy": "glad happy sunny won",
    "fear": "dark afraid alone lost",
    "غم": "tears grief غم gone",
}
SETTINGS = [
    "models.base=null",
    "models.instruct=null",
    "methods=[]",
    "evaluation={resamples: 100, facts_seconds: 0, baselines: [majority]}",
    "classifiers=[{name: words, use: tfidf-logistic, C: 10}]",
    "review.accuracy=0.85",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of texts of which some have no word of their label, or those of another."""
    out = tmp_path_factory.mktemp("review")
    draw = random.Random(0)
    (out / "rows").mkdir()
    for split, rows in {"train": 90, "validation": 150, "test": 120}.items():
        with (out / "rows" / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for number in range(rows):
                label = draw.choice(list(WORDS))
                shown = draw.choice(list(WORDS)) if draw.random() < 0.05 else label
                words = draw.choices("abcdefgh", k=3)
                if draw.random() < 0.7:
                    words += draw.choices(WORDS[shown].split(), k=2)
                writer.writerow([f"{' '.join(words)} {split}{number}", label])
    study = open_study("own", [f"data.source={out}/rows", *SETTINGS])
    run_study(study, out / "run")
    return out / "run"


def test_the_validation_rows_are_asked_and_the_rest_left_alone(folder: Path) -> None:
    run = read_run(folder)
    assert [(one.name, one.values["rows"]) for one in run.reviewed] == [("words", 150)]
    found = reviews_of(run)
    assert found.left_out == {"majority": "it has no probabilities"}
    assert [one.name for one in found.reviews] == ["words"]
    assert (found.accuracy, found.coverage) == (0.85, 0.9)
    one = found.reviews[0]
    assert (one.rows, one.test_rows, one.validated) == (150, 120, False)
    assert one.kept is not None
    # As by hand, from the table of predictions.
    table = tunelab.open_run(folder).predictions
    table = table[table["name"] == "words"]
    shares = np.array([list(row) for row in table["probabilities"]], dtype=float)
    rule = rule_of(one)
    kept = ~rule.needs_review(shares)
    right = (table["predicted"] == table["truth"]).to_numpy()
    assert one.kept.coverage.value == pytest.approx(kept.mean())
    assert one.kept.accuracy.value == pytest.approx(right[kept].mean())


def test_rows_that_belong_together_are_reviewed_by_group(folder: Path, tmp_path: Path) -> None:
    draw = random.Random(1)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "author"])
        for number in range(400):
            label = draw.choice(list(WORDS))
            words = " ".join(draw.choices(WORDS[label].split(), k=2))
            writer.writerow([f"{words} {number}", label, f"author {number // 2}"])
    source = [f"data.source={tmp_path}/rows.csv", "data.group=author"]
    run_study(open_study("own", [*source, *SETTINGS]), tmp_path / "run")
    run = read_run(tmp_path / "run")
    one = reviews_of(run).reviews[0]
    assert one.groups == one.threshold.rows == one.rows / 2
    assert one.kept is not None
    assert one.kept.coverage.value is not None
    assert read_review_rule(tmp_path / "run" / "classifiers" / "words") == rule_of(one)


def test_it_is_kept_sealed_and_found_again_where_it_is_damaged(folder: Path) -> None:
    run = read_run(folder)
    record = json.loads((folder / "review.json").read_text(encoding="utf-8"))
    assert is_intact(record)
    before = review(run)
    assert reviews_of(run) == before
    (folder / "review.json").write_text("{}", encoding="utf-8")
    assert reviews_of(read_run(folder)) == before
    assert json.loads((folder / "review.json").read_text(encoding="utf-8")) == record
    # Another wish is judged again from the same answers.
    other = replace(
        run, study={**run.study, "review": {"accuracy": 0.5, "coverage": 0.9}}, known={}
    )
    found = reviews_of(other).reviews[0]
    assert found.threshold.accuracy == 0.5
    assert reviews_of(read_run(folder)) == before


def test_another_wish_changes_the_rule_and_none_removes_it(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "run"
    shutil.copytree(folder, again)
    run = read_run(again)
    settings = {"accuracy": 0.7, "coverage": 0.9}
    review_run(replace(run, study={**run.study, "review": settings}))
    rule = read_review_rule(again / "classifiers" / "words")
    assert rule is not None
    assert rule.wanted_accuracy == 0.7
    stages = {path: path.stat().st_mtime_ns for path in again.glob("*/*/result.json")}
    source = f"data.source={folder.parent}/rows"
    run_study(open_study("own", [source, *SETTINGS[:-1], "review=null"]), again)
    assert {path: path.stat().st_mtime_ns for path in again.glob("*/*/result.json")} == stages
    run = read_run(again)
    assert run.reviewed == []
    assert reviews_of(run).reviews == ()
    assert read_review_rule(again / "classifiers" / "words") is None
    assert not [name for name in _page_ids(again) if name == "review"]


def _page_ids(folder: Path) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', build_report(folder).read_text(encoding="utf-8"))


def test_the_rule_stands_beside_the_classifier(folder: Path) -> None:
    rule = read_review_rule(folder / "classifiers" / "words")
    assert rule == rule_of(reviews_of(read_run(folder)).reviews[0])
    assert read_review_rule(folder / "classifiers" / "majority") is None


def test_it_is_shown(folder: Path) -> None:
    run = read_run(folder)
    found, decision = review_run(run), decision_of(run)
    assert decision.recommended == "words"
    sentence = review_sentence(found, decision)
    assert sentence.startswith("When to ask a person (words): Send the ")
    section = review_section(found, decision)
    assert (section.entries[0].name, section.missing) == ("words", "")
    # The label sets are of labels, in whatever script.
    assert {label for label, _, _ in section.entries[0].labels} == set(WORDS)
    assert _page_ids(folder)[:3] == ["decision", "review", "found"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert section.entries[0].sentences[0] in page
    assert (folder / "figures" / "risk_coverage.svg").is_file()
    told = tunelab.open_run(folder).review
    assert told.table["name"].tolist() == ["words"]
    assert told.table["kept"][0] == pytest.approx(found.reviews[0].kept.coverage.value)  # type: ignore[union-attr]
    assert told.sentences["words"][0] in repr(told)
    without = replace(decision, recommended="majority")
    assert review_sentence(found, without) == (
        "When to ask a person is not known of majority: it has no probabilities."
    )
    assert review_section(found, without).missing == review_sentence(found, without)


def _predict(folder: Path, *words: str, name: str = "words") -> int:
    adapter = str(folder / "classifiers" / name)
    return main(["predict", "texts.csv", "--adapter", adapter, *words])


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines = ["glad happy sunny won", "a b c d", "=1+1", "غم gone tears", "glad grief dark"]
    monkeypatch.chdir(tmp_path)
    Path("texts.csv").write_text("\n".join(["text", *lines, '" "']) + "\n", encoding="utf-8")
    return lines


def test_predict_marks_what_needs_a_person(
    folder: Path, texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _predict(folder) == 0
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    model = tunelab.load(folder / "classifiers" / "words")
    shares = model.predict_proba(texts)
    rule = read_review_rule(folder / "classifiers" / "words")
    assert rule is not None
    asked = rows[:-1]
    assert [row["needs_review"] for row in asked] == rule.needs_review(shares).tolist()
    assert [row["probability"] for row in asked] == pytest.approx(
        rule.calibrated(shares).max(axis=1).tolist()
    )
    assert {row["needs_review"] for row in asked} == {True, False}
    blank = rows[-1]
    assert (blank["reason"], blank["probability"], blank["needs_review"]) == (
        "blank text",
        None,
        None,
    )
    count = sum(row["needs_review"] is True for row in rows)
    assert f"{count} of 6 rows" in printed.err
    assert "the rest is right in at least 85.0 %" in printed.err
    # The same in a file, with the probabilities of all labels in columns.
    assert _predict(folder, "--out", "a.csv", "--probabilities") == 0
    assert f"{count} of 6 rows" in capsys.readouterr().err
    with Path("a.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [row["needs_review"] for row in cells] == [
        "" if row["needs_review"] is None else str(row["needs_review"]).lower() for row in rows
    ]
    assert float(cells[0]["probabilities.joy"]) == pytest.approx(rows[0]["probability"])
    assert cells[2]["text"] == "'=1+1"
    assert cells[-1]["probabilities.غم"] == ""


def test_predict_with_a_threshold_or_an_accuracy_of_ones_own(
    folder: Path, texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def marked(*words: str) -> tuple[list[Any], str]:
        assert _predict(folder, *words) == 0
        printed = capsys.readouterr()
        rows = [json.loads(line) for line in printed.out.splitlines()]
        return [row["needs_review"] for row in rows[:-1]], printed.err

    everything, told = marked("--threshold", "1")
    assert everything == [True] * len(texts)
    assert "this threshold promises no accuracy" in told
    assert marked("--threshold", "0")[0] == [False] * len(texts)
    lenient, told = marked("--accuracy", "0.5")
    assert "at least 50.0 %" in told
    assert sum(lenient) <= sum(marked()[0])
    assert _predict(folder, "--out", "labels", "--threshold", "0.9") == 0
    assert _predict(folder, "--out", "labels", "--threshold", "0.9") == 0
    assert "(6 were labelled before)" in capsys.readouterr().err
    assert _predict(folder, "--out", "labels", "--threshold", "0.8") == 2
    assert "was begun with other files, another adapter or other settings" in (
        capsys.readouterr().err
    )


def test_predict_gives_label_sets(
    folder: Path, texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rule = read_review_rule(folder / "classifiers" / "words")
    assert rule is not None
    assert (rule.coverage, rule.set_limit) == (
        0.9,
        reviews_of(read_run(folder)).reviews[0].sets[0].limit,
    )
    model = tunelab.load(folder / "classifiers" / "words")
    expected = rule.label_sets(model.predict_proba(texts), list(model.classes_))
    assert expected is not None
    assert _predict(folder, "--label-sets") == 0
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [row["label_set"] for row in rows] == [*map(list, expected), None]
    assert "holds the true label of 90.0 % of texts like the 150 validation rows" in printed.err
    # The same in each kind of file, in a part of blank texts alone too, and after a kill.
    options = ("--label-sets", "--probabilities", "--part-rows", "1")
    for name in ("a.csv", "b.jsonl", "c.parquet"):
        assert _predict(folder, "--out", name, *options) == 0
    with Path("a.csv").open(encoding="utf-8", newline="") as file:
        cells = [row["label_set"] for row in csv.DictReader(file)]
    assert [json.loads(cell) for cell in cells[:-1]] == [*map(list, expected)]
    assert cells[-1] == ""
    lines = [json.loads(line) for line in Path("b.jsonl").read_text("utf-8").splitlines()]
    assert [line["label_set"] for line in lines] == [*map(list, expected), None]
    table = pq.read_table("c.parquet")
    assert table["label_set"].to_pylist() == [*map(list, expected), None]
    assert table.column_names[-2:] == ["label_set", "probabilities"]
    assert _predict(folder, "--format", "csv", "--label-sets") == 0
    header, *_ = capsys.readouterr().out.splitlines()
    assert header.endswith(",needs_review,label_set")


def test_a_full_disk_behind_standard_output_is_told(
    folder: Path,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # What was not written is tried again at the end.
    with suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert _predict(folder) == 1
    monkeypatch.undo()
    told = capsys.readouterr().err
    assert "cannot write to standard output: " in told


def test_the_card_says_when_to_ask_a_person(folder: Path) -> None:
    one = reviews_of(read_run(folder)).reviews[0]
    card = (folder / "classifiers" / "words" / "README.md").read_text(encoding="utf-8")
    assert "When to ask a person:" in card
    assert f"- {advice(one)}" in card
    assert "Label sets for 90.0 % (LAC)" in card
    assert "When to ask" not in (folder / "classifiers" / "majority" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "name", "message"),
    [
        (["--label-sets"], "majority", "has no review.json"),
        (["--accuracy", "0.999"], "words", "at no threshold"),
        (["--accuracy", "95"], "words", "lies between 0 and 1"),
        (["--threshold", "nan"], "words", "from 0 to 1"),
        (["--threshold", "0.5", "--accuracy", "0.5"], "words", "exclude each other"),
        (["--accuracy", "0.9"], "majority", "has no review.json"),
        (["--threshold", "0.9"], "majority", "has no probabilities"),
        (["--out", "a.csv", "--format", "csv"], "words", "the ending of the file says it"),
        (["--input-format", "csv"], "words", "name - to read it"),
        (["--out", "n" * 300 + ".csv"], "words", "a name of more than 200 bytes"),
    ],
)
def test_what_predict_cannot_do(
    words: list[str],
    name: str,
    message: str,
    folder: Path,
    texts: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _predict(folder, *words, name=name) == 2
    assert message in capsys.readouterr().err
    assert not Path("a.csv").exists()
