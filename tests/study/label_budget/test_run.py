"""The trainings of a label budget: nested, kept, resumed, and the same again."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import write_rows
from tunelab.api.opened_run import open_run
from tunelab.classifiers.answered import ask_rows
from tunelab.classifiers.scikit_learn import Pipeline
from tunelab.config import Study
from tunelab.errors import RunError
from tunelab.runs.results import Result
from tunelab.study.engines.local import run_here
from tunelab.study.label_budget import training
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

MODULE = """
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline


def bayes():
    "Naive Bayes over counts of words."
    return make_pipeline(CountVectorizer(), MultinomialNB())


class Choosy(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        if len(y) < 12:
            raise ValueError("too few rows")
        return self


def choosy():
    return Choosy()
"""
NAME = "their_budget_classifiers"
SMALL = [
    "models={base: null, instruct: null}",
    "methods=[]",
    f"classifiers=[{{name: bayes, use: '{NAME}:bayes'}}]",
    "evaluation={baselines: [tfidf-svm], facts_seconds: 0, resamples: 100}",
    "data.sample={train: 48, validation: 3, test: 18}",
]
# Two classifiers, three draws of two sizes, and one of all rows.
BUDGET = "budget={per_class: [2, 8, all], draws: 3}"
TRAININGS = 2 * (3 * 2 + 1)

Opened = Callable[..., Study]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The study of this module, with overrides."""
    folder = tmp_path_factory.mktemp("study")
    (folder / f"{NAME}.py").write_text(MODULE, encoding="utf-8")
    rows = write_rows(folder / "rows.csv", copies=8)
    sys.path.insert(0, str(folder))

    def make(*overrides: str) -> Study:
        return open_study("own", [f"data.source={rows}", *SMALL, *(overrides or (BUDGET,))])

    yield make
    sys.path.remove(str(folder))
    sys.modules.pop(NAME, None)


@pytest.fixture(scope="module")
def finished(opened: Opened, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study, run."""
    out = tmp_path_factory.mktemp("runs") / "run"
    run_study(opened(), out)
    return out


def trainings(out: Path) -> dict[str, Path]:
    """The folders of the trainings of a budget, by name."""
    return {path.name.rpartition("-")[0]: path for path in sorted(out.glob("budget/*"))}


def answers(out: Path) -> dict[str, bytes]:
    return {name: (path / "answers.parquet").read_bytes() for name, path in trainings(out).items()}


def written(out: Path) -> dict[str, int]:
    """When the record of each training was written."""
    return {
        name: (path / "result.json").stat().st_mtime_ns for name, path in trainings(out).items()
    }


def test_every_training_answers_every_test_row(finished: Path) -> None:
    assert len(trainings(finished)) == TRAININGS
    tables = [pd.read_parquet(path / "answers.parquet") for path in trainings(finished).values()]
    for table in tables:
        assert table["truth"].tolist() == tables[0]["truth"].tolist()
        assert len(table) == 18
        assert table["predicted"].notna().all()


def test_what_was_trained_is_not_kept(finished: Path) -> None:
    for path in trainings(finished).values():
        assert sorted(one.name for one in path.iterdir()) == ["answers.parquet", "result.json"]


def test_records_say_how_each_was_trained(finished: Path) -> None:
    records = {
        name: json.loads((path / "result.json").read_text())
        for name, path in trainings(finished).items()
    }
    smallest, largest = records["bayes-2-draw3"], records["tfidf-svm-all-draw1"]
    assert (smallest["rows"], smallest["per_class"], smallest["draw"]) == (6, 2, 2)
    assert (largest["rows"], largest["per_class"]) == (48, "all")
    # Another draw is another training seed as well.
    assert records["bayes-2-draw1"]["seed"] + 2 == smallest["seed"]
    assert not smallest["fine_tuned"]
    assert smallest["right"] <= smallest["asked"] == 18


def test_the_run_shows_its_curves(finished: Path) -> None:
    budget = open_run(finished).budget
    assert budget is not None
    assert (budget.done, budget.planned, budget.rows) == (TRAININGS, TRAININGS, 18)
    curves = budget.curves
    assert curves["rows_a_label"].tolist() == [2, 8, 16] * 2
    assert curves["draws"].tolist() == [3, 3, 1] * 2
    for row in curves.to_dict("records"):
        right = [
            json.loads((path / "result.json").read_text())["right"] / 18
            for path in trainings(finished).values()
            if path.name.startswith(
                f"{row['name']}-{'all' if row['rows_a_label'] == 16 else int(row['rows_a_label'])}-"
            )
        ]
        assert row["accuracy"] == pytest.approx(sum(right) / len(right))
    # Neither of the two trains a network.
    assert budget.fine_tuning_pays is None
    assert budget.sentences
    assert "accuracy" in repr(budget)


def test_again_nothing_is_trained_and_the_files_are_the_same(
    finished: Path, opened: Opened
) -> None:
    times, record = written(finished), (finished / "budget.json").read_bytes()
    run_study(opened(), finished)
    assert written(finished) == times
    assert (finished / "budget.json").read_bytes() == record


def test_two_runs_give_the_same_bytes(finished: Path, opened: Opened, tmp_path: Path) -> None:
    run_study(opened(), tmp_path / "other")
    assert answers(tmp_path / "other") == answers(finished)
    assert (tmp_path / "other" / "budget.json").read_bytes() == (
        finished / "budget.json"
    ).read_bytes()


def test_more_draws_leave_the_others_as_they_are(
    finished: Path, opened: Opened, tmp_path: Path
) -> None:
    out = tmp_path / "more"
    shutil.copytree(finished, out)
    before = written(out)
    run_study(opened("budget={per_class: [2, 4, 8, all], draws: 4}"), out)
    after = written(out)
    assert {name: after[name] for name in before} == before
    assert len(after) == 2 * (4 * 3 + 1)


def test_what_was_killed_goes_on(
    finished: Path, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "killed"
    real, asked = ask_rows, list[str]()

    def killed(*arguments: Any, **named: Any) -> Any:
        asked.append(named["title"])
        if len(asked) == 6:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(training, "ask_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        run_study(opened(), out)
    monkeypatch.setattr(training, "ask_rows", real)
    assert asked[5].startswith(f"budget 6 of {TRAININGS}: bayes, all rows, draw 1")
    budget = open_run(out).budget
    assert budget is not None
    assert budget.done == 5
    assert "not trained yet" in " ".join(budget.notes)
    times = {name: at for name, at in written_of(out).items() if at is not None}
    fit, fitted = Pipeline.fit, list[str]()

    def counted(self: Pipeline, task: Any, **named: Any) -> Any:
        fitted.append(named["title"])
        return fit(self, task, **named)

    monkeypatch.setattr(Pipeline, "fit", counted)
    run_study(opened(), out)
    # The sixth was trained before it was to be asked.
    assert len(fitted) == TRAININGS - 6
    assert {name: written(out)[name] for name in times} == times
    assert answers(out) == answers(finished)
    assert (out / "budget.json").read_bytes() == (finished / "budget.json").read_bytes()


def written_of(out: Path) -> dict[str, int | None]:
    """When each record was written, None where there is none yet."""
    return {
        name: (path / "result.json").stat().st_mtime_ns
        if (path / "result.json").is_file()
        else None
        for name, path in trainings(out).items()
    }


def test_one_that_fails_leaves_the_others(opened: Opened, tmp_path: Path) -> None:
    classifiers = f"classifiers=[{{name: choosy, use: '{NAME}:choosy'}}]"
    study = opened(classifiers, "budget={per_class: [2, 6], draws: 2, classifiers: [tfidf-svm]}")
    assert study.budget is not None
    wanted = study.model_copy(
        update={"budget": study.budget.model_copy(update={"classifiers": None})}
    )
    with pytest.raises(RunError, match=r"choosy failed"):
        run_study(wanted, tmp_path)
    budget = open_run(tmp_path).budget
    assert budget is not None
    assert budget.done == 4
    assert any("it failed" in reason for reason in budget.left_out)
    assert any("label budget" in one.name for one in open_run(tmp_path).failures)


def test_engines_get_the_trainings_as_they_get_other_parts(opened: Opened, tmp_path: Path) -> None:
    """The engine of Ray sends them to another process."""
    import pickle

    sent = []

    def engine(study: Study, cells: Any, data: Any, out: Path) -> Any:
        sent.extend(cells)
        return run_here(study, pickle.loads(pickle.dumps(cells)), data, out)

    results = run_study(opened("budget={per_class: [2], draws: 2}"), tmp_path, engine)
    assert [cell.name for cell in sent][2:] == [
        *("tfidf-svm-2-draw1", "bayes-2-draw1", "tfidf-svm-2-draw2", "bayes-2-draw2")
    ]
    assert [one.name for one in results if one.stage == "budget"] == [
        cell.name for cell in sent[2:]
    ]


def test_what_is_decided_stops(opened: Opened, tmp_path: Path) -> None:
    budget = "budget={per_class: [2, 4], draws: 6, stop: decided, margin: 0.95}"
    run_study(opened(budget), tmp_path)
    # Any two classifiers count as about the same here, which the first three draws show.
    assert len(trainings(tmp_path)) == 2 * 2 * 3
    found = open_run(tmp_path).budget
    assert found is not None
    assert (found.done, found.planned) == (12, 24)
    assert len(found.left_out) == 4
    assert any("12 of 24 trainings" in note for note in found.notes)
    times = written(tmp_path)
    run_study(opened(budget), tmp_path)
    assert written(tmp_path) == times


def test_no_validation_row_is_used(opened: Opened, tmp_path: Path) -> None:
    """Other validation rows leave every training as it is."""

    def hashes(validation: int) -> list[str]:
        results: list[Result] = run_study(
            opened("budget={per_class: [2], draws: 1}", f"data.sample.validation={validation}"),
            tmp_path,
        )
        return [one.hash for one in results if one.stage == "budget"]

    first = hashes(3)
    assert first == hashes(2)
    assert len(first) == 2


def test_groups_are_drawn_whole_and_counted(opened: Opened, tmp_path: Path) -> None:
    rows = tmp_path / "grouped.csv"
    write_rows(rows, copies=24)
    table = pd.read_csv(rows)
    # Four texts that one person wrote, of two labels.
    table["group"] = [f"author {(number + 2) // 4}" for number in range(len(table))]
    table.to_csv(rows, index=False)
    study = opened(
        "budget={per_class: [2, 6], draws: 3, classifiers: [tfidf-svm]}",
        f"data={{source: {rows}, group: group, sample: {{train: 120, validation: 12, test: 48}}}}",
    )
    run_study(study, tmp_path / "run")
    found = open_run(tmp_path / "run").budget
    assert found is not None
    answered = pd.read_parquet(trainings(tmp_path / "run")["tfidf-svm-2-draw1"] / "answers.parquet")
    groups = answered["group"].nunique()
    assert 1 < groups < len(answered)
    assert any(f"belong together in {groups} groups" in note for note in found.notes)
    index = json.loads((tmp_path / "run" / "run.json").read_text())
    assert index["planned"] == {"train": 2, "evaluate": 2, "budget": 6}
