"""What the next hundred labels would bring, from the label budget of a run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from made_budget import simulated
from made_run import Made, make_run
from tunelab.runs.results import Result, load_result, save_result, write_table
from tunelab.runs.run_folder import RunFolder
from tunelab.study.label_budget.next_labels import next_labels
from tunelab.study.label_budget.plan import BudgetPlan

ROWS = 400


def budget_run(folder: Path, sizes: Sequence[int]) -> RunFolder:
    """A run whose only classifier has the error 0.1 + 1.2 / size ** 0.7."""
    curve = [0.9 - 1.2 * size**-0.7 for size in sizes]
    answers = simulated(
        {"svm": curve}, draws=5, rows=ROWS, seed=1, spread=0.02, sizes=tuple(map(float, sizes))
    )
    plan = BudgetPlan(
        classifiers=("svm",),
        sizes=tuple(sizes),
        draws=(5,) * len(sizes),
        rows_a_label=tuple(map(float, sizes)),
        rows=tuple(2 * size for size in sizes),
        short=({},) * len(sizes),
    )
    truth = ["joy" if row % 2 else "fear" for row in range(ROWS)]
    run = make_run(
        folder,
        truth,
        [Made("svm", "classical", truth)],
        budget={"per_class": list(sizes), "draws": 5},
    )
    results = []
    for cell in plan.cells():
        position = folder / "budget" / f"{plan.named(cell)}-0"
        write_table(
            position / "answers.parquet",
            [
                {"row": row, "truth": true, "predicted": true if right else "none"}
                for row, (true, right) in enumerate(zip(truth, answers.right[cell], strict=True))
            ],
        )
        values = {
            "classifier": "svm",
            "per_class": plan.sizes[cell.size],
            "draw": cell.draw,
            "fine_tuned": False,
        }
        save_result(Result("budget", plan.named(cell), "0", "complete", values, position))
        results.append(load_result(position))
    return replace(
        run, budget_trainings=results, budget_plan={"plan": plan.to_dict(), "failed": []}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return budget_run(tmp_path_factory.mktemp("budget"), (8, 16, 32, 64, 128))


def test_the_gain_has_an_interval_and_names_the_rows(run: RunFolder) -> None:
    told = next_labels(run, "svm")
    assert told.startswith(
        "100 more labels, from 256 labelled rows to 356, would bring svm about +"
    )
    assert "95 % interval" in told
    # By the curve that the answers were drawn from.
    expected = 100 * (1.2 * 128**-0.7 - 1.2 * 178**-0.7)
    gain = float(told.split("about +")[1].split(" %")[0])
    assert gain == pytest.approx(expected, abs=0.6)


def test_what_cannot_be_told_says_why(run: RunFolder, tmp_path: Path) -> None:
    assert "lora is not in the label budget" in next_labels(run, "lora")
    assert "has no label budget" in next_labels(replace(run, budget_plan=None), "svm")
    assert "no training of svm" in next_labels(replace(run, budget_trainings=[]), "svm")
    assert "checked up to" in next_labels(run, "svm", more=5_000)
    three = budget_run(tmp_path, (8, 16, 32))
    assert next_labels(three, "svm").startswith("What 100 more labels would bring is not known:")
