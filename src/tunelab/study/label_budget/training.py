"""One training of a label budget: a classifier on one draw, asked the test rows."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import ask_rows
from tunelab.classifiers.contract import Estimator, Task
from tunelab.classifiers.stored import trained_by
from tunelab.config import Size, Study, fingerprint
from tunelab.data.examples import Example
from tunelab.data.nested_draws import draw_rows
from tunelab.evaluation.measuring import choices_of
from tunelab.evaluation.predictions import GROUP, Predictions
from tunelab.evaluation.sides import trains_weights
from tunelab.runs.results import BUDGET, Result, write_table
from tunelab.runs.run_folder import BUDGET_ANSWERS
from tunelab.runs.stages import run_stage
from tunelab.study.prepare import PreparedData


@dataclass(frozen=True)
class DrawTraining:
    """A classifier that is trained on a draw of ``size`` rows a label and asked all test rows.

    ``classifier`` is its name in the study, ``draw`` counts from 0; ``seed`` is that of its
    training. ``title`` is what progress is shown under.
    """

    name: str
    classifier: str
    size: Size
    draw: int
    seed: int
    estimator: Estimator
    title: str = ""

    def run(
        self,
        study: Study,
        data: PreparedData,
        out: Path,
        *,
        on_stage: Callable[[], object] = lambda: None,
    ) -> list[Result]:
        """Train and ask; the answers are kept and the trained classifier is not.

        There are no validation rows: what is chosen, is chosen by the rows of the draw, and what
        would stop early is trained to its end. A budget of 8 rows a label that also used hundreds
        of validation rows would be a budget of hundreds.
        """
        rows = draw_rows(
            data.splits["train"],
            None if self.size == "all" else self.size,
            seed=f"{study.seed}/{self.draw}",
        )
        task = Task(rows, (), tuple(data.labels), seed=self.seed)
        asked = data.splits["test"]
        fitted = {
            "rows": _fingerprint(rows),
            "labels": list(task.labels),
            "seed": self.seed,
            "fitted": self.estimator.key(task),
        }
        # What is drawn and asked, and not how much more there is: further draws and sizes leave
        # those that are there as they are.
        inputs = {
            **fitted,
            "asked": _fingerprint(asked),
            "answered": self.estimator.answer_key(),
            "choice": {
                # The first one is what the study leads with; the key of the answers knows no order.
                "modes": list(study.evaluation.modes),
                "normalize": study.evaluation.normalize,
                "calibrate": study.evaluation.calibrate,
            },
        }
        result = run_stage(
            out,
            BUDGET,
            self.name,
            inputs,
            lambda folder: self._train_and_ask(study, task, asked, fitted, folder),
            still_there=lambda done: (done.folder / BUDGET_ANSWERS).is_file(),
        )
        for leftover in ("train", self.estimator.kept_in):
            shutil.rmtree(result.folder / leftover, ignore_errors=True)
        on_stage()
        return [result]

    def _train_and_ask(
        self,
        study: Study,
        task: Task,
        asked: Sequence[Example],
        fitted: Mapping[str, Any],
        folder: Path,
    ) -> dict[str, Any]:
        target = folder / self.estimator.kept_in / self.name
        about = {**self.estimator.about, "seed": self.seed}
        trained = run_stage(
            folder,
            "train",
            self.name,
            fitted,
            lambda inner: {
                **about,
                **self.estimator.fit(task, folder=inner, target=target, title=self.title),
            },
            still_there=lambda done: trained_by(target) == done.folder.name,
        )
        opened = self.estimator.open(target, task)
        predictions, answering = ask_rows(opened, asked, title=self.title)
        ways = _labels(predictions, study)
        labels = next(iter(ways.values()))
        # The first way is the one that the study's report leads with.
        columns = {"predicted": labels, **{way: ways[way] for way in [*ways][1:]}}
        if predictions.groups is not None:
            columns[GROUP] = predictions.groups
        write_table(
            folder / BUDGET_ANSWERS,
            [
                {"row": row, "truth": truth, **{name: one[row] for name, one in columns.items()}}
                for row, truth in enumerate(predictions.truth)
            ],
        )
        right = sum(one == other for one, other in zip(predictions.truth, labels, strict=True))
        return {
            **about,
            "classifier": self.classifier,
            "per_class": self.size,
            "draw": self.draw,
            "rows": len(task.train),
            "fine_tuned": trains_weights(trained.values),
            "asked": len(asked),
            "right": right,
            "unlabelled": sum(label is None for label in labels),
            "train_seconds": trained.values.get("seconds"),
            "answer_seconds": answering["seconds"],
        }


def _labels(predictions: Predictions, study: Study) -> dict[str, tuple[str | None, ...]]:
    """The label of each row by each way of answering, in the order of the study's modes."""
    if predictions.given is not None:
        return {"label": predictions.given.labels}
    choices = choices_of(
        predictions,
        normalize=study.evaluation.normalize,
        calibrate=study.evaluation.calibrate,
    )
    found = {
        "generate": predictions.generated.labels if predictions.generated is not None else None,
        "score": choices.labels if choices is not None else None,
    }
    ways: dict[str, tuple[str | None, ...]] = {
        mode: labels for mode in study.evaluation.modes if (labels := found[mode]) is not None
    }
    return ways or {"label": (None,) * len(predictions.truth)}


def _fingerprint(rows: Sequence[Example]) -> str:
    # The folds that choose a classifier's strength keep groups together.
    groups = [row.group for row in rows]
    grouped = [groups] if any(group is not None for group in groups) else []
    return fingerprint([*([row.text, row.label] for row in rows), *grouped])
