"""What the label budget of a run shows, and how the decision, the report and Python tell it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_budget import simulated
from made_run import Made, make_run
from tunelab.api.budgeted import plain_budget
from tunelab.cli.run import budget_lines, budget_rows
from tunelab.evaluation.label_budget.answers import BudgetCell
from tunelab.evaluation.label_budget.found import (
    BudgetSize,
    LabelBudget,
    find_budget,
    read_budget,
)
from tunelab.report.budget_section import budget_table
from tunelab.report.figures import label_budget as figure
from tunelab.report.page import draw_figure, render
from tunelab.runs.results import Result, load_result, save_result, write_table
from tunelab.runs.run_folder import RunFolder
from tunelab.runs.seals import is_intact
from tunelab.study.judging.decision import decide
from tunelab.study.judging.label_budget import budget_key, budget_of, judge_budget
from tunelab.study.label_budget.plan import BudgetPlan

ROWS = 240
SIZES = (8, 32, 128)
# Of each classifier, the accuracy at each size: fine-tuning overtakes between 8 and 32.
CURVES = {"svm": (0.55, 0.65, 0.70), "lora": (0.40, 0.75, 0.88)}
TRUTH = ["joy" if row % 2 else "fear" for row in range(ROWS)]
TRAINED = {"seconds": 30.0, "trainable_parameters": 100, "total_parameters": 1000}


def answers(accuracy: float, seed: int) -> list[str]:
    right = np.random.default_rng(seed).random(ROWS) < accuracy
    wrong = {"joy": "fear", "fear": "joy"}
    return [true if ok else wrong[true] for true, ok in zip(TRUTH, right, strict=True)]


def budget_run(
    folder: Path,
    *,
    draws: int = 4,
    curves: Mapping[str, tuple[float, ...]] = CURVES,
    tuned: tuple[str, ...] = ("lora",),
    undone: tuple[BudgetCell, ...] = (),
    failed: tuple[BudgetCell, ...] = (),
    asked: Sequence[Made] = (),
    likeliest: float | None = None,
    groups: Sequence[str] | None = None,
    **budget: Any,
) -> RunFolder:
    """A run whose label budget was answered with these accuracies.

    ``likeliest``: the accuracy of what is fine-tuned where it is asked for the likeliest label.
    """
    plan = BudgetPlan(
        classifiers=tuple(curves),
        sizes=SIZES,
        draws=(draws,) * len(SIZES),
        rows_a_label=tuple(map(float, SIZES)),
        rows=tuple(2 * size for size in SIZES),
        short=({}, {}, {"fear": 100}),
        asked=tuple(one.name for one in asked),
    )
    made = [
        Made("svm", "classical", answers(0.70, 1)),
        Made("lora", "tuned", answers(0.88, 2), trained=dict(TRAINED)),
        *asked,
    ]
    settings = {"per_class": list(SIZES), "draws": draws, **budget}
    run = make_run(folder, TRUTH, made, budget=settings)
    results = []
    for number, cell in enumerate(plan.cells()):
        if cell in (*undone, *failed):
            continue
        name = plan.named(cell)
        position = folder / "budget" / f"{name}-0"
        given = answers(curves[cell.classifier][cell.size], 10 + number)
        further = {} if groups is None else {"group": groups}
        if likeliest is not None and cell.classifier in tuned:
            further["score"] = answers(likeliest, 100 + number)
        write_table(
            position / "answers.parquet",
            [
                {
                    "row": row,
                    "truth": true,
                    "predicted": answer,
                    **{name: column[row] for name, column in further.items()},
                }
                for row, (true, answer) in enumerate(zip(TRUTH, given, strict=True))
            ],
        )
        values = {
            "classifier": cell.classifier,
            "per_class": SIZES[cell.size],
            "draw": cell.draw,
            "fine_tuned": cell.classifier in tuned,
        }
        save_result(Result("budget", name, "0", "complete", values, position))
        results.append(load_result(position))
    lost = [{**vars(cell), "error": "too few rows."} for cell in failed]
    return replace(
        run,
        budget_trainings=results,
        budget_plan={"plan": plan.to_dict(), "failed": lost},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return budget_run(tmp_path_factory.mktemp("budget"))


@pytest.fixture(scope="module")
def found(run: RunFolder) -> LabelBudget:
    budget = budget_of(run)
    assert budget is not None
    return budget


def test_fine_tuning_pays_from_a_size(found: LabelBudget) -> None:
    assert (found.tuned, found.others) == (("lora",), ("svm",))
    assert found.pays is not None
    assert (found.pays.verdict, found.pays.size) == ("yes", 32.0)
    (crossing,) = found.crossings
    assert (crossing.first, crossing.second, crossing.course) == ("svm", "lora", "crosses")
    assert crossing.size is not None
    assert 8 < crossing.size < 32
    assert found.sentences[0] == found.pays.sentence
    assert "lora has the highest accuracy" in found.sentences[1]
    assert crossing.sentence in found.sentences


def test_points_are_the_means_over_draws(run: RunFolder, found: LabelBudget) -> None:
    for name, accuracies in CURVES.items():
        points = found.curve(name)
        assert [point.draws for point in points] == [4, 4, 4]
        for point, accuracy in zip(points, accuracies, strict=True):
            assert point.accuracy.low is not None
            assert point.accuracy.high is not None
            assert point.accuracy.low < accuracy < point.accuracy.high


def test_it_is_kept_sealed_and_read_again(run: RunFolder, found: LabelBudget) -> None:
    record = json.loads((run.folder / "budget.json").read_text(encoding="utf-8"))
    assert is_intact(record)
    assert read_budget(record) == found
    before = (run.folder / "budget.json").read_bytes()
    assert judge_budget(run) == found
    assert (run.folder / "budget.json").read_bytes() == before


def test_the_decision_tells_it(run: RunFolder, found: LabelBudget) -> None:
    decision = decide(replace(run, known={}))
    assert found.pays is not None
    assert any(note.endswith(found.pays.sentence) for note in decision.notes)
    assert found.more_labels("lora") in decision.changes
    assert not any("whether they would change" in one for one in decision.changes)


def test_a_study_without_a_budget_has_none(run: RunFolder) -> None:
    bare = replace(run, budget_plan=None, budget_trainings=(), known={})
    assert budget_of(bare) is None
    assert figure.collect(bare).empty
    assert budget_lines(None) == []


def test_nothing_was_trained_yet(tmp_path: Path) -> None:
    cells = [BudgetCell(name, size, draw) for name in CURVES for size in range(3) for draw in (0,)]
    found = budget_of(budget_run(tmp_path, draws=1, undone=tuple(cells)))
    assert found is not None
    assert (found.done, found.planned) == (0, 6)
    assert found.pays is None
    assert found.sentences == ("Nothing can be told of the label budget: no training was done.",)
    assert "6 of 6 trainings" in found.notes[0]
    assert "not trained yet" in found.notes[0]


def test_a_training_that_failed_is_told_of(tmp_path: Path) -> None:
    lost = BudgetCell("svm", 0, 1)
    found = budget_of(budget_run(tmp_path, failed=(lost,)))
    assert found is not None
    (left_out,) = found.left_out
    assert (left_out.classifier, left_out.per_class, left_out.trainings) == ("svm", 8, 1)
    assert left_out.reason == "it failed: too few rows."
    assert [point.draws for point in found.curve("svm")] == [3, 4, 4]


def test_one_draw_has_an_interval_over_rows(tmp_path: Path) -> None:
    found = budget_of(budget_run(tmp_path, draws=1))
    assert found is not None
    assert {point.over for point in found.curves} == {"rows"}
    assert all(point.sd is None for point in found.curves)


def test_labels_with_fewer_rows_are_named(found: LabelBudget) -> None:
    assert any("At 128 rows a label" in note and "fear (100)" in note for note in found.notes)


def test_a_race_says_what_was_left_undone(tmp_path: Path) -> None:
    # The first three draws of each size decide which one is best.
    undone = [
        BudgetCell(name, size, draw) for name in CURVES for size in range(3) for draw in (3, 4, 5)
    ]
    settings: dict[str, Any] = {"stop": "decided", "margin": 0.9}
    found = budget_of(budget_run(tmp_path, draws=6, tuned=(), undone=tuple(undone), **settings))
    assert found is not None
    assert found.race is not None
    assert found.race.over
    assert found.race.best == "lora"
    assert sum(one.trainings for one in found.left_out) == 18
    assert not any("not trained yet" in one.reason for one in found.left_out)
    assert any("18 of 36 trainings" in note for note in found.notes)
    assert any("The intervals" in note or "the intervals" in note for note in found.notes)
    record = json.loads((tmp_path / "budget.json").read_text(encoding="utf-8"))
    assert read_budget(record) == found


def test_after_a_race_fine_tuning_is_judged_by_the_race(tmp_path: Path) -> None:
    found = budget_of(budget_run(tmp_path, stop="decided"))
    assert found is not None
    assert found.race is not None
    assert found.pays == found.race.pays


def test_a_classifier_that_failed_leaves_the_race(tmp_path: Path) -> None:
    curves = {**CURVES, "lost": (0.5, 0.5, 0.5)}
    lost = BudgetCell("lost", 0, 1)
    found = budget_of(
        budget_run(tmp_path, curves=curves, failed=(lost,), stop="decided", margin=0.01)
    )
    assert found is not None
    assert found.race is not None
    assert "lost" not in found.race.left
    assert {gap.first for gap in found.race.gaps} | {gap.second for gap in found.race.gaps} == {
        "svm",
        "lora",
    }


def test_the_table_of_the_report(found: LabelBudget) -> None:
    table = budget_table(found)
    assert table.sizes == ("8", "32", "128")
    assert [(row.name, row.fine_tuned) for row in table.rows] == [("svm", False), ("lora", True)]
    assert table.rows[0].cells[0].about == "4 draws, interval over draws and rows"
    assert [(gain.size, gain.tuned, gain.other) for gain in table.gains] == [
        ("8", "lora", "svm"),
        ("32", "lora", "svm"),
        ("128", "lora", "svm"),
    ]
    assert table.gains[0].gain.startswith("−")
    assert table.gains[2].gain.startswith("+")


def test_the_figure(run: RunFolder) -> None:
    table = figure.collect(run)
    assert table["part"].tolist() == ["curve"] * 6 + ["crossing"]
    words = figure.describe(table)
    assert "svm from" in words
    assert "lora overtakes svm at about" in words
    drawn = draw_figure("label_budget", table)
    assert drawn is not None
    assert drawn.svg.count("lora") >= 1
    assert "NaN" not in drawn.svg


def test_names_at_the_ends_of_curves_do_not_touch() -> None:
    shown = figure._spread([0.80, 0.801, 0.802, 0.95, 0.951], 0.02, (0.5, 0.96))
    assert all(b - a >= 0.02 - 1e-9 for a, b in pairwise(shown))
    assert max(shown) <= 0.96
    assert figure._spread([0.2, 0.6], 0.02, (0.0, 1.0)) == [0.2, 0.6]


def test_lines_of_the_terminal(found: LabelBudget) -> None:
    assert found.pays is not None
    lines = budget_lines(found)
    assert lines[0].startswith("Labels: With 128 rows a label")
    # The decision has it among its notes.
    assert not any(found.pays.sentence in line for line in lines)
    rows = budget_rows(found)
    assert [row["name"] for row in rows] == ["svm", "lora"]
    assert list(rows[0]) == ["name", "8", "32", "128"]


def test_python_gets_tables(found: LabelBudget) -> None:
    budget = plain_budget(found)
    assert (budget.fine_tuning_pays, budget.pays_from) == ("yes", 32.0)
    assert budget.curves["accuracy"].notna().all()
    assert budget.crossings["course"].tolist() == ["crosses"]
    assert budget.more_labels["name"].tolist() == ["svm", "lora"]
    assert "lora" in budget._repr_html_()


@pytest.fixture(scope="module")
def rivalled(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which a model that is only asked has the better likeliest labels."""
    instruct = Made("instruct", "instruct", answers(0.30, 3), likeliest=answers(0.80, 4))
    return budget_run(
        tmp_path_factory.mktemp("rivalled"), draws=3, asked=[instruct], likeliest=0.60
    )


def test_fine_tuning_must_beat_what_is_only_asked(rivalled: RunFolder) -> None:
    found = budget_of(rivalled)
    assert found is not None
    assert [one.name for one in found.asked] == [
        *("instruct (in words)", "instruct (likeliest label)")
    ]
    assert [one.accuracy.value for one in found.asked] == pytest.approx([0.30, 0.80], abs=0.06)
    assert found.pays is not None
    assert (found.pays.verdict, found.pays.size) == ("yes", 128.0)
    assert found.pays.gains[-1].other == "instruct (likeliest label)"
    # By its likeliest labels the fine-tuned one stays below.
    (by_mode,) = found.by_mode
    assert by_mode.way == "likeliest label"
    assert (by_mode.pays.verdict, by_mode.pays.gains[-1].tuned) == ("no", "lora")
    told = " ".join(found.sentences)
    assert "Without any training instruct (likeliest label) has an accuracy of" in told
    assert read_budget(json.loads((rivalled.folder / "budget.json").read_text())) == found


def test_what_is_only_asked_is_shown(rivalled: RunFolder) -> None:
    found = budget_of(rivalled)
    assert found is not None
    table = figure.collect(rivalled)
    flat = table[table["part"] == "asked"]
    assert flat["size"].tolist() == [8, 128] * 2
    assert "instruct (likeliest label) without training" in figure.describe(table)
    drawn = draw_figure("label_budget", table)
    assert drawn is not None
    assert "NaN" not in drawn.svg
    assert [name for name, _ in budget_table(found).asked] == [one.name for one in found.asked]
    assert budget_rows(found)[-1]["name"] == "instruct (likeliest label), only asked"
    assert plain_budget(found).asked["accuracy_low"].notna().all()
    section = render(
        "label_budget.html.j2",
        budget=found,
        budget_table=budget_table(found),
        figures={},
        plot=lambda _: "",
    )
    assert section.count("only asked</span>") == 2
    assert section.count("fine-tuned</span>") == 1
    assert "instruct (likeliest label)" in section


def test_another_answer_of_what_is_asked_is_another_budget(rivalled: RunFolder) -> None:
    key = budget_key(rivalled)
    (last,) = [one for one in rivalled.evaluated if one.name == "instruct"]
    changed = [replace(one, hash="1") if one is last else one for one in rivalled.evaluated]
    assert budget_key(replace(rivalled, evaluated=changed, known={})) != key


def test_rows_that_belong_together_widen_the_intervals(tmp_path: Path, found: LabelBudget) -> None:
    groups = [f"author {row // 12}" for row in range(ROWS)]
    grouped = budget_of(budget_run(tmp_path, groups=groups))
    assert grouped is not None
    assert grouped.groups == 20
    assert found.groups is None
    assert any("240 test rows belong together in 20 groups" in note for note in grouped.notes)
    for one, other in zip(grouped.curves, found.curves, strict=True):
        assert one.accuracy.value == other.accuracy.value
        assert one.accuracy.low != other.accuracy.low


def test_extrapolations_stand_beside_what_was_measured(tmp_path: Path) -> None:
    budget = simulated({"lora": (0.40, 0.55, 0.66, 0.74, 0.80, 0.84)}, draws=5, rows=400, seed=1)
    sizes = [BudgetSize(int(size), size, int(size), 5, {}) for size in budget.sizes]
    found = find_budget(budget, sizes, tuned=["lora"], others=[], race=None, left_out=[], seed=0)
    checks = budget_table(found).checks
    assert [(one.fitted, one.asked) for one in checks] == [("128", "256"), ("64", "256")]
    assert checks[0].seen.startswith("+")
    measured = plain_budget(found).checks
    gain = budget.at("lora", 5).mean() - budget.at("lora", 4).mean()
    assert measured["measured"].tolist()[0] == pytest.approx(gain)
    assert measured["fitted_to"].tolist() == [128, 64]
