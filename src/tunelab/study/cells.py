"""The cells of a study: its classifiers, each with the seed that it is fitted with."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tunelab.classifiers.answered import ABOUT, TABLE, ask_rows, keep, measured
from tunelab.classifiers.asked import AskedModel
from tunelab.classifiers.contract import Context, Estimator, Fitted, Task
from tunelab.classifiers.examples import ExampleSettings
from tunelab.classifiers.measured import measure_facts, watch_work
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import trained_by
from tunelab.classifiers.tuned import TunedModel
from tunelab.config import MethodEntry, Study, fingerprint
from tunelab.errors import TunelabError, UsageError
from tunelab.evaluation.facts import of_requests
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.metrics.training_time import time_doubt
from tunelab.evaluation.predictions import Predictions, read_predictions
from tunelab.models.lower_layers import keeping_batches
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import (
    ADAPTERS,
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
from tunelab.study.prepare import PreparedData
from tunelab.study.resolution import (
    classifier_entries,
    learning_rate,
    method_settings,
    model_card,
)
from tunelab.study.together import stage_together
from tunelab.training.class_weights import class_weights

_log = logging.getLogger(__name__)

# What a stage may raise that the answers do not depend on.
FAULTS = (TunelabError, RuntimeError, ValueError, MemoryError)


class Work(Protocol):
    """What an engine runs: a part of a study that depends on no other one.

    ``name`` is that of its stages. ``estimator`` tells what it needs of a machine.
    """

    @property
    def name(self) -> str:
        """Unique among what an engine is given."""

    @property
    def estimator(self) -> Estimator:
        """The classifier that it trains or asks."""

    def run(
        self,
        study: Study,
        data: PreparedData,
        out: Path,
        *,
        on_stage: Callable[[], object] = lambda: None,
    ) -> list[Result]:
        """Do its stages; ``on_stage`` is called when one is finished."""


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
        opened = Opened(self, data, out, seconds=seconds)
        asked = ask_cell(study, self, data, trained, out, opened)
        if trained is not None and self.of is None:
            _keep_reference(study, self, data, asked, out)
        on_stage()
        # What a threshold promises takes rows as independent.
        alone = self.of is None and study.data.group is None
        validation = data.splits["validation"] if alone else ()
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


class Opened:
    """A fitted classifier that the stages of a cell share, opened when the first one asks.

    With ``seconds`` its facts are measured as soon as it is open, for so long at most: what is held
    later by other stages is none of its own.
    """

    def __init__(self, cell: Cell, data: PreparedData, out: Path, *, seconds: float = 0) -> None:
        self._cell, self._data, self._out, self._seconds = cell, data, out, seconds
        self._fitted: Fitted | None = None
        self._is_open = False
        self._facts: dict[str, Any] | Exception | None = None

    def get(self) -> Fitted:
        """The classifier.

        Raises:
            TunelabError: it cannot be opened.
        """
        if self._fitted is None and self._seconds:
            texts = [row.text for row in self._data.splits["test"]]
            device = self._cell.estimator.device
            try:
                self._facts = measure_facts(self._open, texts, seconds=self._seconds, device=device)
            except FAULTS as error:
                if not self._is_open:
                    raise
                self._facts = error
        return self._fitted or self._open()

    def facts(self) -> dict[str, Any]:
        """What :func:`measure_facts` found.

        Raises:
            Exception: what it raised, or it cannot be opened.
        """
        self.get()
        if isinstance(self._facts, Exception):
            raise self._facts
        return dict(self._facts or {})

    def _open(self) -> Fitted:
        task, target = _task(self._cell, self._data), _target(self._cell, self._out)
        self._fitted = self._cell.estimator.open(target, task)
        self._is_open = True
        return self._fitted


def cells_of(study: Study) -> list[Cell]:
    """All cells of a study, in the order in which they are run and shown."""
    context = _context(study)
    return [
        *_classifier_cells(study, context),
        *(Cell(one.name, one, study.seed) for one in _asked(study, context)),
        *tuned_cells(study),
        *_cells_of_other_wordings(study),
    ]


def _cells_of_other_wordings(study: Study) -> Iterator[Cell]:
    """What reads a prompt, once more for each other wording; methods are trained under it."""
    for number, wording in enumerate(study.prompt.variants, start=2):
        prompt = study.prompt.model_copy(update={"system": wording, "variants": []})
        other = study.model_copy(update={"prompt": prompt})
        context = _context(other)
        cells = [
            *_classifier_cells(other, context, prompted=True),
            *(Cell(one.name, one, other.seed) for one in _asked(other, context)),
            *tuned_cells(other, kept_in=WORDINGS),
        ]
        for cell in cells:
            name = f"{cell.name}-wording{number}"
            yield replace(cell, name=name, wording=number, of=cell.name)


def _classifier_cells(study: Study, context: Context, *, prompted: bool = False) -> Iterator[Cell]:
    """Those of the study's classifiers; one for each training seed where chance decides.

    ``prompted``: only those that read the instruction.
    """
    for name, use, settings in classifier_entries(study):
        kind = find_classifier(use)
        if prompted and not kind.prompted:
            continue
        estimator = kind.make(settings, context)
        if not kind.seeded:
            yield Cell(name, estimator, study.seed, stops=kind.stops(settings))
            continue
        for seed in study.training.seeds:
            yield Cell(_seeded_name(study, name, seed), estimator, seed, group=name)


def _seeded_name(study: Study, group: str, seed: int) -> str:
    return group + (f"-seed{seed}" if len(study.training.seeds) > 1 else "")


def tuned_cells(study: Study, *, kept_in: str = ADAPTERS) -> list[Cell]:
    """The cells of the study's methods, one for each training seed."""
    context = _context(study)
    return [
        Cell(name, _tuned(study, entry, context, name=name, seed=seed, kept_in=kept_in), seed)
        for entry in study.methods
        for seed in study.training.seeds
        for name in [_seeded_name(study, entry.called, seed)]
    ]


def _tuned(
    study: Study,
    entry: MethodEntry,
    context: Context,
    *,
    name: str,
    seed: int,
    kept_in: str = ADAPTERS,
) -> TunedModel:
    return TunedModel(
        name=name,
        group=entry.called,
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
        kept_in=kept_in,
    )


def estimators(study: Study, *, seed: int) -> dict[str, Estimator]:
    """Each classifier and method of a study by its name, before it is fitted with a seed.

    The models that are asked as they are have no entry.
    """
    context = _context(study)
    return {
        **{
            name: find_classifier(use).make(settings, context)
            for name, use, settings in classifier_entries(study)
        },
        **{
            entry.called: _tuned(study, entry, context, name=entry.called, seed=seed)
            for entry in study.methods
        },
    }


def check_classifiers(study: Study, labels: Sequence[str]) -> None:
    """Refuse a classifier of the study that cannot work here or with these labels.

    Raises:
        UsageError: as said, such as an endpoint without its key or a weight of an unknown label.
    """
    context = _context(study)
    class_weights(study.training.class_weights, labels, labels)
    for name, use, settings in classifier_entries(study):
        try:
            kind = find_classifier(use)
            kind.prove(settings, context, labels)
            if study.data.group is not None and kind.stops(settings):
                raise UsageError(
                    "rows of decided takes rows as independent, and data.group says which belong "
                    "together; leave one of the two out."
                )
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None


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
            fitted_now = (opened or Opened(cell, data, out)).get()
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
    """Ask a classifier for the probabilities of the labels of the validation rows.

    What follows from them is judged at the end, so that nothing of it is part of the key.
    """

    def work(folder: Path) -> dict[str, Any]:
        fitted, rows = opened.get(), data.splits["validation"]
        started = time.perf_counter()
        found = fitted.probabilities([row.text for row in rows], title=f"{cell.name} validation")
        seconds = time.perf_counter() - started
        write_table(
            folder / VALIDATION,
            [
                {"row": number, "truth": row.label, "probabilities": shares.tolist()}
                for number, (row, shares) in enumerate(zip(rows, found, strict=True))
            ],
        )
        return {
            **cell.about,
            "rows": len(rows),
            "labels": list(fitted.labels),
            "validated": trained is not None and _is_validated(trained),
            "seconds": seconds,
        }

    return run_stage(out, "review", cell.name, {"asked": asked.values["asked"]}, work)


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
        told = _of_training(trained, found["unknown"])
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


def _of_training(trained: Result | None, unknown: Mapping[str, str]) -> dict[str, Any]:
    """What a training tells of itself, with the reasons for what it does not know."""
    if trained is None:
        none = {"trained_parameters": 0, "train_seconds": 0.0, "train_memory_bytes": 0}
        return {**none, "unknown": unknown}
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
