"""A cell of a study: one classifier with the seed that it is fitted with, and its stages."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import ABOUT, TABLE, ask_rows, keep, measured
from tunelab.classifiers.contract import Estimator, Fitted, Task
from tunelab.classifiers.measured import watch_work
from tunelab.classifiers.opened import Opened
from tunelab.classifiers.stored import trained_by
from tunelab.config import Study, fingerprint
from tunelab.data.examples import groups_of
from tunelab.errors import FAULTS, RunError, TunelabError
from tunelab.evaluation.facts import of_requests, of_training
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.predictions import GROUP, Predictions, read_predictions
from tunelab.models.lower_layers import keeping_batches
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import (
    EVALUATE,
    EVALUATE_WORDING,
    TRAIN,
    TRAIN_WORDING,
    WORDINGS,
    Result,
    load_result,
    read_table,
    stage_file,
    write_table,
)
from tunelab.runs.run_folder import VALIDATION
from tunelab.runs.stages import run_stage
from tunelab.serving.drift_reference import make_reference, remove_reference, write_reference
from tunelab.serving.reviewed_answers import labels_and_probabilities
from tunelab.study.prepare import PreparedData
from tunelab.study.together import stage_together

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One classifier. ``name`` is unique in a study; ``seed`` decides what it is fitted to.

    ``group`` is the name that the training seeds of one classifier share, None where it has none.
    ``wording`` numbers the wordings of the instruction; under another one than the first, ``of``
    is the name of the same classifier under the first. ``stops``: whether it is asked no further
    once another classifier is shown to be better.
    """

    name: str
    estimator: Estimator
    seed: int
    group: str | None = None
    wording: int = 1
    of: str | None = None
    stops: bool = False

    @property
    def about(self) -> Mapping[str, Any]:
        """What records say of it."""
        grouped = {} if self.group is None else {"group": self.group, "seed": self.seed}
        worded = {} if self.of is None else {"wording": self.wording, "of": self.of}
        return {**self.estimator.about, **grouped, **worded}

    def run(
        self,
        study: Study,
        data: PreparedData,
        out: Path,
        *,
        on_stage: Callable[[], object] = lambda: None,
    ) -> list[Result]:
        """Train, ask and measure; ``on_stage`` is called when a stage is finished."""
        trained = measured_facts = reviewed = None
        if self.estimator.trains:
            trained = train_cell(self, data, out)
            on_stage()
        seconds = study.evaluation.facts_seconds if self.of is None else 0
        opened = _opened(self, data, out, seconds=seconds)
        asked = ask_cell(study, self, data, trained, out, opened)
        if trained is not None and self.of is None:
            _keep_reference(study, self, data, asked, out)
        on_stage()
        validation = data.splits["validation"] if self.of is None else ()
        if study.review and asked.values["scored"] is not None and validation:
            with self._beside("when to ask a person cannot be told"):
                reviewed = review_cell(self, data, asked, trained, out, opened)
            on_stage()
        if seconds:
            with self._beside("what it costs cannot be measured"):
                measured_facts = measure_cell(study, self, data, trained, asked, out, opened)
            on_stage()
        results = (trained, asked, reviewed, measured_facts)
        return [result for result in results if result is not None]

    @contextmanager
    def _beside(self, what: str) -> Iterator[None]:
        """Go on without a stage that fails, as the answers do not depend on it."""
        try:
            yield
        except FAULTS as error:
            _log.warning("%s: %s: %s", self.name, what, error)


def train_cell(
    cell: Cell, data: PreparedData, out: Path, *, callbacks: Sequence[Any] = ()
) -> Result:
    """Fit a classifier to the training rows, and keep it in the run folder.

    ``callbacks`` are transformers'; they may watch the training, and end it by an exception.
    """
    task, target = _task(cell, data), _target(cell, out)

    def work(folder: Path) -> dict[str, Any]:
        # It is of another training, and none of the files that are sealed.
        remove_reference(target)
        watch = watch_work(cell.estimator.device)
        fitted = cell.estimator.fit(
            task, folder=folder, target=target, title=f"{cell.name} trains", callbacks=callbacks
        )
        return {**cell.about, "seed": cell.seed, **watch(), **fitted}

    def stage(do: Callable[[Path], Mapping[str, Any]]) -> Result:
        return run_stage(
            out,
            TRAIN if cell.of is None else TRAIN_WORDING,
            cell.name,
            {"data": data.hash, **cell.estimator.key(task), "seed": cell.seed},
            do,
            still_there=lambda done: trained_by(target) == done.folder.name,
        )

    return stage_together(stage, work)


def open_asked(cell: Cell, data: PreparedData, out: Path) -> Fitted:
    """A classifier that is not trained, ready to be asked.

    Raises:
        TunelabError: it cannot be opened.
    """
    task, target = _task(cell, data), _target(cell, out)
    cell.estimator.fit(task, folder=out, target=target, title="")
    return cell.estimator.open(target, task)


def ask_cell(
    study: Study,
    cell: Cell,
    data: PreparedData,
    trained: Result | None,
    out: Path,
    opened: Opened | None = None,
) -> Result:
    """Ask a classifier the test rows, and measure its answers.

    Where an earlier run of the folder has the answers and only the measuring changed, they are
    measured again and no model is loaded.
    """
    estimator, task = cell.estimator, _task(cell, data)
    stage = EVALUATE if cell.of is None else EVALUATE_WORDING
    fitted = {"train": trained.hash} if trained is not None else estimator.key(task)
    key = fingerprint({"name": cell.name, "data": data.hash, **fitted, **estimator.answer_key()})

    def work(folder: Path) -> dict[str, Any]:
        found = _answered_before(out / stage, cell.name, key)
        if not estimator.trains:
            estimator.fit(task, folder=folder, target=_target(cell, out), title="")
        if found is None:
            fitted_now = (opened or _opened(cell, data, out)).get()
            # Other seeds and trials are asked the same rows.
            with keeping_batches():
                found = ask_rows(fitted_now, data.splits["test"], title=cell.name)
        predictions, about = found
        values = measured(predictions, study.evaluation, seed=study.seed)
        keep(predictions, values, study.evaluation, folder)
        return {**about, **cell.about, "asked": key, **values}

    inputs = {"asked": key, "measuring": _measuring(study), "seed": study.seed}
    return run_stage(out, stage, cell.name, inputs, work, still_there=_has_predictions)


def review_cell(
    cell: Cell,
    data: PreparedData,
    asked: Result,
    trained: Result | None,
    out: Path,
    opened: Opened,
) -> Result:
    """Ask a classifier for labels and probabilities of the validation rows, as predict does.

    What follows from them is judged at the end, so that nothing of it is part of the key.
    """

    def work(folder: Path) -> dict[str, Any]:
        fitted, rows = opened.get(), data.splits["validation"]
        started = time.perf_counter()
        found = fitted.answer([row.text for row in rows], title=f"{cell.name} validation")
        seconds = time.perf_counter() - started
        answers, table = labels_and_probabilities(found)
        if table is None:
            raise RunError("it gave no probabilities.")
        groups = groups_of(rows) or [None] * len(rows)
        write_table(
            folder / VALIDATION,
            [
                {
                    "row": number,
                    "truth": row.label,
                    GROUP: group,
                    "answer": answer.label,
                    "probabilities": shares.tolist(),
                }
                for number, (row, group, answer, shares) in enumerate(
                    zip(rows, groups, answers, table, strict=True)
                )
            ],
        )
        return {
            **cell.about,
            "rows": len(rows),
            "labels": list(fitted.labels),
            "validated": trained is not None and _is_validated(trained),
            "seconds": seconds,
        }

    # Tables of before lack the answers.
    inputs = {"asked": asked.values["asked"], "columns": 2}
    return run_stage(out, "review", cell.name, inputs, work)


def _is_validated(trained: Result) -> bool:
    """Whether a training looked at the validation rows; older records tell it by their loss."""
    values = trained.values
    return bool(values.get("validated", values.get("best_loss") is not None))


def measure_cell(
    study: Study,
    cell: Cell,
    data: PreparedData,
    trained: Result | None,
    asked: Result,
    out: Path,
    opened: Opened,
) -> Result:
    """Measure a classifier's size, speed and memory, in the same way as every other one's.

    What cannot be measured again, as each answer is paid for, is taken from ``asked``.
    """
    estimator, task, target = cell.estimator, _task(cell, data), _target(cell, out)
    seconds = study.evaluation.facts_seconds

    def work(folder: Path) -> dict[str, Any]:
        found = opened.facts()
        own = folder_bytes(target) if trained is not None else 0
        told = of_training(None if trained is None else trained.values, found["unknown"])
        return {
            **estimator.about,
            **found,
            **told,
            **of_requests(asked.values, told["unknown"]),
            "bytes": own + found["model_bytes"],
            "device": estimator.device,
        }

    fitted = {"train": trained.hash} if trained is not None else estimator.key(task)
    inputs = {"data": data.hash, **fitted, **estimator.answer_key(), "seconds": seconds}
    if "requests" in asked.values:
        # Their times and their price are among the facts.
        inputs["requests"] = asked.values["requests"]
    return run_stage(out, "facts", cell.name, inputs, work)


def _keep_reference(study: Study, cell: Cell, data: PreparedData, asked: Result, out: Path) -> None:
    """Keep what new texts are compared with beside the classifier, or remove it."""
    target = _target(cell, out)
    if not study.evaluation.drift_reference:
        remove_reference(target)
        return
    table = read_table(stage_file(asked, TABLE))
    # A saved language model is asked in words, whichever way the report leads with.
    in_words = table["generated"].notna().any()
    answered = table["generated" if in_words else "predicted"]
    reference = make_reference(
        [row.text for row in data.splits["train"]],
        data.labels,
        table["truth"].tolist(),
        [label if isinstance(label, str) else None for label in answered.tolist()],
        seed=study.seed,
    )
    write_reference(target, reference)


def _task(cell: Cell, data: PreparedData) -> Task:
    return Task(data.splits["train"], data.splits["validation"], tuple(data.labels), seed=cell.seed)


def _opened(cell: Cell, data: PreparedData, out: Path, *, seconds: float = 0) -> Opened:
    """The fitted classifier, which the stages share; ``seconds``: for its facts."""
    return Opened(
        lambda: cell.estimator.open(_target(cell, out), _task(cell, data)),
        [row.text for row in data.splits["test"]],
        device=cell.estimator.device,
        seconds=seconds,
    )


def _target(cell: Cell, out: Path) -> Path:
    return out / (cell.estimator.kept_in if cell.of is None else WORDINGS) / cell.name


def _answered_before(
    stages: Path, name: str, key: str
) -> tuple[Predictions, dict[str, Any]] | None:
    for folder in sorted(stages.glob(f"{name}-*")):
        try:
            before = load_result(folder)
            if before.status == "complete" and before.values.get("asked") == key:
                table = read_table(stage_file(before, TABLE))
                about = {key: before.values[key] for key in ABOUT if key in before.values}
                return read_predictions(table, str(folder)), about
        except TunelabError:
            continue
    return None


def _measuring(study: Study) -> dict[str, Any]:
    """What decides how answers are measured: the settings, and which metrics there are."""
    settings = {"modes", "normalize", "calibrate", "resamples"}
    return {**study.evaluation.model_dump(include=settings), "metrics": sorted(all_metrics())}


def _has_predictions(result: Result) -> bool:
    return (result.folder / TABLE).is_file()
