"""The cells of a study: its classifiers, each with the seed that it is fitted with."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import ABOUT, TABLE, ask_rows, keep, measured
from tunelab.classifiers.asked import AskedModel
from tunelab.classifiers.contract import Context, Estimator, Task
from tunelab.classifiers.examples import ExampleSettings
from tunelab.classifiers.measured import measure_facts, watch_work
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import trained_by
from tunelab.classifiers.tuned import TunedModel
from tunelab.config import Study, fingerprint
from tunelab.errors import TunelabError, UsageError
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.metrics.training_time import time_doubt
from tunelab.evaluation.predictions import Predictions, read_predictions
from tunelab.models.lower_layers import keeping_batches
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import Result, load_result, read_table, stage_file
from tunelab.runs.stages import run_stage
from tunelab.study.prepare import PreparedData
from tunelab.study.resolution import (
    classifier_entries,
    learning_rate,
    method_settings,
    model_card,
)
from tunelab.study.together import stage_together

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One classifier. ``name`` is unique in a study; ``seed`` decides what it is fitted to.

    ``group`` is the name that the training seeds of one classifier share, None where it has none.
    """

    name: str
    estimator: Estimator
    seed: int
    group: str | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        """What records say of it."""
        grouped = {} if self.group is None else {"group": self.group, "seed": self.seed}
        return {**self.estimator.about, **grouped}


def cells_of(study: Study) -> list[Cell]:
    """All cells of a study, in the order in which they are run and shown."""
    context = _context(study)
    return [
        *_classifier_cells(study, context),
        *(Cell(one.name, one, study.seed) for one in _asked(study, context)),
        *tuned_cells(study),
    ]


def _classifier_cells(study: Study, context: Context) -> Iterator[Cell]:
    """Those of the study's classifiers; one for each training seed where chance decides."""
    for name, use, settings in classifier_entries(study):
        kind = find_classifier(use)
        estimator = kind.make(settings, context)
        if not kind.seeded:
            yield Cell(name, estimator, study.seed)
            continue
        for seed in study.training.seeds:
            yield Cell(_seeded_name(study, name, seed), estimator, seed, group=name)


def _seeded_name(study: Study, group: str, seed: int) -> str:
    return group + (f"-seed{seed}" if len(study.training.seeds) > 1 else "")


def tuned_cells(study: Study) -> list[Cell]:
    """The cells of the study's methods, one for each training seed."""
    context = _context(study)
    cells = []
    for entry in study.methods:
        group = entry.called
        for seed in study.training.seeds:
            name = _seeded_name(study, group, seed)
            tuned = TunedModel(
                name=name,
                group=group,
                model=model_card(study, entry.model).name,
                method=entry.name,
                settings=method_settings(entry),
                learning_rate=learning_rate(study, entry),
                seed=seed,
                answers=entry.answers,
                prompt=study.prompt,
                training=study.training,
                evaluation=study.evaluation,
                context=context,
            )
            cells.append(Cell(name, tuned, seed))
    return cells


def check_classifiers(study: Study, labels: Sequence[str]) -> None:
    """Refuse a classifier of the study that cannot work here or with these labels.

    Raises:
        UsageError: as said, such as an endpoint without its key.
    """
    context = _context(study)
    for name, use, settings in classifier_entries(study):
        try:
            find_classifier(use).prove(settings, context, labels)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None


def run_cell(
    study: Study,
    cell: Cell,
    data: PreparedData,
    out: Path,
    *,
    on_stage: Callable[[], object] = lambda: None,
) -> list[Result]:
    """All stages of one cell; ``on_stage`` is called when one is finished."""
    results = []
    if cell.estimator.trains:
        results.append(train_cell(cell, data, out))
        on_stage()
    trained = results[0] if results else None
    results.append(ask_cell(study, cell, data, trained, out))
    on_stage()
    if study.evaluation.facts_seconds:
        try:
            results.append(measure_cell(study, cell, data, trained, out))
        # The answers are there: they do not get lost for what their costs could not be told.
        except (TunelabError, RuntimeError, ValueError, MemoryError) as error:
            _log.warning("%s: what it costs cannot be measured: %s", cell.name, error)
        on_stage()
    return results


def device_and_dtype(study: Study) -> tuple[str, str]:
    """The device of a study and the type of its weights."""
    context = _context(study)
    return context.device, context.dtype


def train_cell(
    cell: Cell, data: PreparedData, out: Path, *, callbacks: Sequence[Any] = ()
) -> Result:
    """Fit a classifier to the training rows, and keep it in the run folder.

    ``callbacks`` are transformers'; they may watch the training, and end it by an exception.
    """
    task, target = _task(cell, data), _target(cell, out)

    def work(folder: Path) -> dict[str, Any]:
        watch = watch_work(cell.estimator.device)
        fitted = cell.estimator.fit(
            task, folder=folder, target=target, title=f"{cell.name} trains", callbacks=callbacks
        )
        return {**cell.about, "seed": cell.seed, **watch(), **fitted}

    def stage(do: Callable[[Path], Mapping[str, Any]]) -> Result:
        return run_stage(
            out,
            "train",
            cell.name,
            {"data": data.hash, **cell.estimator.key(task), "seed": cell.seed},
            do,
            still_there=lambda done: trained_by(target) == done.folder.name,
        )

    return stage_together(stage, work)


def ask_cell(
    study: Study, cell: Cell, data: PreparedData, trained: Result | None, out: Path
) -> Result:
    """Ask a classifier the test rows, and measure its answers.

    Where an earlier run of the folder has the answers and only the measuring changed, they are
    measured again and no model is loaded.
    """
    estimator, task = cell.estimator, _task(cell, data)
    fitted = {"train": trained.hash} if trained is not None else estimator.key(task)
    key = fingerprint({"name": cell.name, "data": data.hash, **fitted, **estimator.answer_key()})

    def work(folder: Path) -> dict[str, Any]:
        found = _answered_before(out, cell.name, key)
        if found is None:
            opened = estimator.open(_target(cell, out), task)
            # Other seeds and trials are asked the same rows.
            with keeping_batches():
                found = ask_rows(opened, data.splits["test"], title=cell.name)
        predictions, about = found
        values = measured(predictions, study.evaluation, seed=study.seed)
        keep(predictions, values, study.evaluation, folder)
        return {**about, **cell.about, "asked": key, **values}

    inputs = {"asked": key, "measuring": _measuring(study), "seed": study.seed}
    return run_stage(out, "evaluate", cell.name, inputs, work, still_there=_has_predictions)


def measure_cell(
    study: Study, cell: Cell, data: PreparedData, trained: Result | None, out: Path
) -> Result:
    """Measure a classifier's size, speed and memory, in the same way as every other one's."""
    estimator, task, target = cell.estimator, _task(cell, data), _target(cell, out)
    seconds = study.evaluation.facts_seconds

    def work(folder: Path) -> dict[str, Any]:
        texts = [row.text for row in data.splits["test"]]
        found = measure_facts(
            lambda: estimator.open(target, task), texts, seconds=seconds, device=estimator.device
        )
        own = folder_bytes(target) if trained is not None else 0
        return {
            **estimator.about,
            **found,
            **_of_training(trained, found["unknown"]),
            "bytes": own + found["model_bytes"],
            "device": estimator.device,
        }

    fitted = {"train": trained.hash} if trained is not None else estimator.key(task)
    inputs = {"data": data.hash, **fitted, **estimator.answer_key(), "seconds": seconds}
    return run_stage(out, "facts", cell.name, inputs, work)


def _of_training(trained: Result | None, unknown: Mapping[str, str]) -> dict[str, Any]:
    """What a training tells of itself, with the reasons for what it does not know."""
    if trained is None:
        return {"trained_parameters": 0, "train_seconds": 0.0, "train_memory_bytes": 0}
    values, reasons = trained.values, dict(unknown)
    memory = values.get("memory_bytes")
    if values.get("resumed"):
        memory = None
        reasons["train_memory_bytes"] = "the training was interrupted and went on"
    elif memory is None:
        reasons["train_memory_bytes"] = "this system does not tell, or an older version trained it"
    if values.get("trainable_parameters") is None:
        reasons["trained_parameters"] = "only linear models tell their parameters"
    return {
        "trained_parameters": values.get("trainable_parameters"),
        "train_seconds": values.get("seconds"),
        "train_memory_bytes": memory,
        "train_doubt": time_doubt(values),
        "unknown": reasons,
    }


def _asked(study: Study, context: Context) -> Iterator[AskedModel]:
    """The models that are asked as they are; the base model once more where examples are shown."""
    shots = study.evaluation.shots
    asked = [("base", study.models.base, "base", 0)]
    if shots:
        asked.append((f"base-{shots}-shot", study.models.base, "base", shots))
    asked.append(("instruct", study.models.instruct, "instruct", 0))
    for name, model, role, shown in asked:
        if model is not None:
            yield AskedModel(
                name=name,
                role=role,
                model=model,
                prompt=study.prompt,
                evaluation=study.evaluation,
                context=context,
                training=study.training,
                examples=ExampleSettings(shots=shown),
            )


def _context(study: Study) -> Context:
    return Context(
        study.device, study.training.precision, study.prompt, study.evaluation, study.training
    )


def _task(cell: Cell, data: PreparedData) -> Task:
    return Task(data.splits["train"], data.splits["validation"], tuple(data.labels), seed=cell.seed)


def _target(cell: Cell, out: Path) -> Path:
    return out / cell.estimator.kept_in / cell.name


def _answered_before(out: Path, name: str, key: str) -> tuple[Predictions, dict[str, Any]] | None:
    for folder in sorted((out / "evaluate").glob(f"{name}-*")):
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
