"""Learning rates and epochs chosen on the training rows: what is compared, kept and refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from conftest import TEXTS, Workspace
from tiny_encoder import write_encoder
from tunelab.classifiers.chosen_training import (
    EPOCHS,
    RATES,
    Candidates,
    count_of,
    describe_cost,
    fit_chosen,
    values_of,
)
from tunelab.classifiers.contract import Context, LabelAnswer, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.cli.main import main
from tunelab.config import Training
from tunelab.data.examples import Example
from tunelab.errors import DivergedError, UsageError
from tunelab.runs.results import write_json

ROWS = [
    Example(f"{text} {number}", label)
    for number in range(4)
    for label, texts in TEXTS.items()
    for text in texts
]
TASK = Task(ROWS, ROWS[:6], tuple(TEXTS), seed=3)
GRID = Candidates((0.1, 0.2, 0.3), (4.0, 2.0))


@dataclass
class Counted:
    """An estimator whose right answers are known; ``seen`` notes each training.

    ``fails``: after how many trainings it is killed.
    """

    rate: float = 0.0
    epochs: float = 0.0
    seen: list[tuple[Any, ...]] = field(default_factory=list)
    fails: int | None = None

    def make(self, rate: float, epochs: float) -> Any:
        return replace(self, rate=rate, epochs=epochs)

    def fit(self, task: Task, *, folder: Path, target: Path, **_: Any) -> Mapping[str, Any]:
        if self.fails is not None and len(self.seen) >= self.fails:
            raise KeyboardInterrupt
        self.seen.append((self.rate, self.epochs, len(task.train), len(task.validation)))
        if self.rate == 0.3:
            raise DivergedError("the loss is not a number any more.")
        write_json_at(target / "known.json", {row.text: row.label for row in ROWS})
        return {"seconds": 1.5}

    def open(self, target: Path, task: Task) -> Any:
        """All right at a rate of 0.2, half of them at others."""
        known = json.loads((target / "known.json").read_text())
        share = 1 if self.rate == 0.2 else 2

        class Fitted:
            def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
                return [
                    LabelAnswer(known[text] if number % share == 0 else None, None, None)
                    for number, text in enumerate(texts)
                ]

        return Fitted()


def write_json_at(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


def _choose(one: Counted, folder: Path, candidates: Candidates = GRID, task: Task = TASK) -> Any:
    return fit_chosen(
        candidates, one.make, task, name="mine", folder=folder, target=folder / "target", title=""
    )


def test_values_to_compare() -> None:
    assert values_of("choose", 2e-4, RATES) == (2e-4, 1e-4, 4e-4)
    assert values_of("choose", 8, EPOCHS) == (8, 4, 12)
    assert values_of([3.0, 5.0], 8, EPOCHS) == (3, 5)
    assert values_of(None, 8, EPOCHS) == (8,)
    assert values_of(2, 8, EPOCHS) == (2,)
    assert (count_of("choose", "choose"), count_of([1.0], 3), count_of(None)) == (5, 1, 1)


def test_the_best_rate_and_then_the_epochs(tmp_path: Path) -> None:
    one = Counted()
    values = _choose(one, tmp_path)
    assert values["chosen"] == {"learning_rate": 0.2, "epochs": 4.0}
    *tried, last = one.seen
    # Five folds, each rate and the other number of epochs once a fold.
    assert len(tried) == 5 * GRID.number
    assert {(rate, epochs) for rate, epochs, *_ in tried} == {
        (0.1, 4), (0.2, 4), (0.3, 4), (0.2, 2),
    }  # fmt: skip
    # No validation row takes part, nor one to keep the weights by, as the epochs were chosen.
    assert {validation for *_, validation in one.seen} == {0}
    assert all(abs(rows - 0.8 * len(ROWS)) < 2 for _, _, rows, _ in tried)
    assert last == (0.2, 4, len(ROWS), 0)
    found = {(one["learning_rate"], one["epochs"]): one["right"] for one in
             values["choosing"]["candidates"]}  # fmt: skip
    assert found[0.2, 4] == found[0.2, 2] == len(ROWS) == values["choosing"]["asked"]
    assert found[0.3, 4] == 0
    assert len(ROWS) / 2 <= found[0.1, 4] < 0.7 * len(ROWS)
    assert values["choosing"]["trainings"] == len(tried)
    assert values["seconds"] == pytest.approx(1.5 + values["choosing"]["seconds"])
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]
    # With the rate alone the validation rows keep their part in the last training.
    _choose(one, tmp_path / "rate", Candidates((0.1, 0.2), (4.0,)))
    assert one.seen[-1] == (0.2, 4, len(ROWS), 6)


def test_a_choice_that_was_killed_trains_nothing_twice(tmp_path: Path) -> None:
    killed = Counted(fails=7)
    with pytest.raises(KeyboardInterrupt):
        _choose(killed, tmp_path)
    again = Counted()
    values = _choose(again, tmp_path)
    assert len(killed.seen) + len(again.seen) == 5 * GRID.number + 1
    assert values["chosen"] == {"learning_rate": 0.2, "epochs": 4.0}
    assert values["choosing"]["trainings"] == 5 * GRID.number


def test_too_few_rows_to_choose_by(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = Counted()
    few = Task([Example("a", "joy"), Example("b", "fear")], [], ("joy", "fear"), seed=1)
    values = _choose(one, tmp_path, Candidates((0.1, 0.2), (4.0,)), few)
    assert values["chosen"]["learning_rate"] == 0.1
    assert [entry["right"] for entry in values["choosing"]["candidates"]] == [0, 0]
    assert values["choosing"]["asked"] == 0
    assert "too few rows of each label to choose by; learning rate 0.1 and 4 epochs" in caplog.text


def test_groups_stay_in_one_fold(tmp_path: Path) -> None:
    rows = [replace(row, group=f"g{number // 2}") for number, row in enumerate(ROWS)]
    one = Counted()
    values = _choose(one, tmp_path, task=replace(TASK, train=rows))
    assert values["chosen"]["learning_rate"] == 0.2


def test_the_cost_is_told() -> None:
    labels = {"joy": 500, "fear": 500, "anger": 500, "calm": 1}
    said = describe_cost("encoder", 5, labels, seeds=1)
    assert said is not None
    assert "5 trainings on 1,200 of the 1,500 training rows choose among 5 settings." in said
    few = describe_cost("encoder", 3, {"joy": 8, "fear": 8}, seeds=2)
    assert few is not None
    assert "30 trainings on 13 of the 16 training rows" in few
    assert "for each of 2 seeds" in few
    assert "too few rows" in str(describe_cost("encoder", 3, {"joy": 1, "fear": 9}, seeds=1))
    assert describe_cost("encoder", 1, labels, seeds=1) is None


class _KilledError(BaseException):
    """Ends a training as a kill does: nothing catches it."""


class _Kill(TrainerCallback):
    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == 1:
            raise _KilledError


def test_an_encoder_chooses_saves_and_resumes(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    settings = {"model": str(encoder), "learning_rate": [3e-3, 1e-9], "epochs": [2, 1]}
    kind = find_classifier("encoder")
    kind.check(settings, "")
    options = Training(tracking=[], evaluate_every=1)
    made = kind.make(settings, Context("cpu", "float32", training=options))
    assert made.candidate_count == 3  # type: ignore[attr-defined]
    few = [row for label in TEXTS for row in [one for one in ROWS if one.label == label][:2]]
    task = Task(few, ROWS[:3], tuple(TEXTS), seed=3)
    target = tmp_path / "target"
    # Killed in its own training, after the choice.
    with pytest.raises(_KilledError):
        made.fit(task, folder=tmp_path, target=target, title="", callbacks=[_Kill()])
    assert len(list((tmp_path / "choosing").iterdir())) == 6
    kept = [path.stat().st_mtime_ns for path in sorted((tmp_path / "choosing").iterdir())]
    with pytest.raises(_KilledError):
        made.fit(task, folder=tmp_path, target=target, title="", callbacks=[_Kill()])
    again = [path.stat().st_mtime_ns for path in sorted((tmp_path / "choosing").iterdir())]
    assert again == kept
    values = made.fit(task, folder=tmp_path, target=target, title="")
    assert values["choosing"]["trainings"] == 6
    assert values["chosen"]["learning_rate"] == values["learning_rate"] == 3e-3
    assert not values["validated"]
    assert not (tmp_path / "choosing").exists()
    assert made.open(target, task).label(["we won"])[0].label in TEXTS


@pytest.mark.parametrize(
    ("use", "settings", "message"),
    [
        ("encoder", {"learning_rate": "tune"}, "learning_rate = \"tune\" is wrong.*'choose'"),
        ("encoder", {"epochs": []}, "epochs"),
        ("encoder", {"epochs": [2, 0]}, r"epochs = \[2, 0\] is wrong: it must list diff"),
        ("encoder", {"learning_rate": [True]}, r"learning_rate = \[true\] is wrong: it must list"),
        ("setfit", {"learning_rate": "auto"}, "learning_rate"),
    ],
)
def test_wrong_candidates(use: str, settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_classifier(use).check(settings, "")


def test_a_study_chooses_for_a_method_and_prepare_tells_the_cost(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tunelab.study.opening import open_study
    from tunelab.study.run import run_study

    own = ["methods.0.learning_rate=[0.002, 0.01]", "methods.0.epochs=1", "evaluation.baselines=[]"]
    own += ["data.sample.train=6", "data.sample.test=3", "data.sample.validation=3"]
    own += ["evaluation.facts_seconds=0", "models.instruct=null"]
    own += [f"methods.0.model={workspace.folder / 'model'}"]
    assert main(["prepare", str(workspace.study), "--out", str(tmp_path), *own]) == 0
    assert "training rows choose among 2 settings" in capsys.readouterr().out
    results = run_study(open_study(str(workspace.study), own), tmp_path)
    (trained,) = [result for result in results if result.stage == "train"]
    assert trained.values["chosen"]["epochs"] == 1
    assert trained.values["chosen"]["learning_rate"] in (0.002, 0.01)
    assert trained.values["validated"]
