"""What the page Label does, without a browser."""

import json
from pathlib import Path

import pytest

from made_labelling import HOSTILE_TEXTS, write_classified_run
from tunelab.app.labelling import (
    answer,
    draw_labels,
    draw_next,
    draw_text,
    open_project,
    start,
    write_labels,
)
from tunelab.app.names import project_names
from tunelab.app.settings import AppSettings
from tunelab.errors import UsageError
from tunelab.guards.visible_text import has_hidden

CLASSIFIER = "first / tfidf-logistic"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> AppSettings:
    folder = tmp_path_factory.mktemp("labelling")
    write_classified_run(folder / "runs" / "first")
    (folder / "scratch").mkdir()
    return AppSettings(
        runs=folder / "runs", scratch=folder / "scratch", labels=folder / "labels", device="cpu"
    )


@pytest.fixture(scope="module")
def started(settings: AppSettings) -> AppSettings:
    """A project of hostile texts, and of labelled rows of which one has a wrong label."""
    texts = [f"{text} {n}" for n in range(3) for text in ("we won the game", "who is there")]
    labels = ["joy", "fear"] * 3
    labels[0] = "fear"
    rows = [{"text": text} for text in HOSTILE_TEXTS]
    rows += [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    for row in rows:
        row.setdefault("label", "")
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    file = settings.scratch / "rows.jsonl"
    file.write_text(lines, encoding="utf-8")
    assert start(settings, "mine", file, "text", "label", CLASSIFIER) == "mine"
    return settings


def test_a_project_has_the_unlabelled_and_the_doubted_rows(started: AppSettings) -> None:
    project = open_project(started, "mine")
    assert project.about.labels == ("anger", "fear", "joy")
    assert len(project.rows) == len(HOSTILE_TEXTS) + 1
    (doubted,) = (row for row in project.rows if row.given)
    assert (doubted.text, doubted.given, doubted.said.label) == ("we won the game 0", "fear", "joy")
    assert doubted.reasons[0].startswith("in doubt")
    assert len(project.labelled) == 5
    shown = draw_labels(started, "mine")
    assert "keeps no reference" in shown
    assert "100 more labels would bring is not known" in shown
    assert "5 rows of the file have a label" in shown


def test_every_text_is_shown_and_none_is_markup(started: AppSettings) -> None:
    rows = len(open_project(started, "mine").rows)
    for number in range(rows):
        made = draw_next(started, "mine", "Ann", "new")
        assert not has_hidden(made.replace("\r", ""))
        for part in ("<script", "<img", "<iframe", "\r"):
            assert part not in made
        assert f"{number} of {rows}" in made
        row = made.split('data-row="')[1].split('"')[0]
        answer(started, "mine", "Ann", row, f"label-{number % 3}")
    assert "Every row has a label" in draw_next(started, "mine", "Ann", "new")
    assert 'data-choice="undo"' in draw_next(started, "mine", "Ann", "new")
    path, told = write_labels(started, "mine", "csv")
    assert told == f"{rows + 5} labelled rows."
    assert path.resolve().is_relative_to(started.scratch.resolve())


def test_a_file_that_predict_labelled_is_not_labelled_again(started: AppSettings) -> None:
    file = started.scratch / "predicted.csv"
    head = "text,label,needs_review,probabilities.anger,probabilities.fear,probabilities.joy\n"
    rows = "".join(f"we won {n},fear,{str(n == 7).lower()},0,0.6,0.4\n" for n in range(2_100))
    file.write_text(head + rows, encoding="utf-8")
    start(started, "predicted", file, "text", None, CLASSIFIER)
    project = open_project(started, "predicted")
    assert len(project.rows) == 2_100
    first = project.rows[0]
    # The classifier itself would have said joy.
    assert (first.text, first.said.label, first.said.probability) == ("we won 7", "fear", 0.6)


def test_how_a_text_is_shown() -> None:
    assert 'dir="rtl"' in draw_text("کتاب‌ها را می‌خوانم")
    assert "کتاب‌ها" in draw_text("کتاب‌ها را می‌خوانم")
    assert draw_text("a\u202eb").count('<bdi class="tl-code">⟨202E⟩</bdi>') == 1
    assert "no visible text" in draw_text("\u200b")
    assert "no visible text" in draw_text("")
    long = draw_text("x" * 1_000_000)
    assert len(long) < 21_000
    assert "980,000 follow" in long


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", ".", "x" * 41, "<b>"])
def test_names_that_no_project_may_have(settings: AppSettings, name: str) -> None:
    with pytest.raises(UsageError, match="the name of a labelling project must have"):
        start(settings, name, settings.scratch / "rows.jsonl", "text", None, CLASSIFIER)
    with pytest.raises(UsageError, match="choose the labelling project from the list"):
        open_project(settings, name)


def test_what_the_page_refuses(started: AppSettings) -> None:
    file = started.scratch / "rows.jsonl"
    with pytest.raises(UsageError, match="there is a labelling project mine already"):
        start(started, "mine", file, "text", None, CLASSIFIER)
    with pytest.raises(UsageError, match="choose the classifier from the list"):
        start(started, "other", file, "text", None, "../first / tfidf-logistic")
    with pytest.raises(UsageError, match="unknown column 'words'"):
        start(started, "other", file, "words", None, CLASSIFIER)
    long = started.scratch / "long.csv"
    long.write_text("text\n" + "".join(f"row {n}\n" for n in range(2_001)), encoding="utf-8")
    with pytest.raises(UsageError, match="more than 2,000 rows"):
        start(started, "other", long, "text", None, CLASSIFIER)
    assert "other" not in project_names(started.labels)
    row = open_project(started, "mine").rows[0].id
    for choice in ("label-3", "label--1", "label-", 0, None, {"a": 1}):
        with pytest.raises(UsageError, match="choose one of the labels"):
            answer(started, "mine", "Ann", row, choice)
    with pytest.raises(UsageError, match="not in this project"):
        answer(started, "mine", "Ann", ["x"], "skip")
    with pytest.raises(UsageError, match="choose which rows"):
        draw_next(started, "mine", "Ann", "all")


def test_a_link_out_of_the_folder_is_no_project(started: AppSettings, tmp_path: Path) -> None:
    (tmp_path / "project.json").write_text("{}", encoding="utf-8")
    (started.labels / "linked").symlink_to(tmp_path)
    try:
        assert "linked" not in project_names(started.labels)
    finally:
        (started.labels / "linked").unlink()
