"""The cells of a study: models to ask, methods to train, baselines to beat."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.classifiers.adapters import open_adapter, trained_by
from tunelab.classifiers.answered import (
    ABOUT,
    COUNTED,
    TABLE,
    ask_rows,
    baseline_predictions,
    keep,
    measured,
)
from tunelab.classifiers.asking import encoder_for
from tunelab.config import MethodEntry, Study, fingerprint
from tunelab.data.examples import Example
from tunelab.data.sampling import draw_shots
from tunelab.errors import TunelabError
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.predictions import Predictions, read_predictions
from tunelab.models.device import pick_device, pick_dtype
from tunelab.models.lineage import describe_lineage
from tunelab.models.loading import LoadedModel, load, model_hash
from tunelab.runs.results import Result, load_result, read_table, stage_file, write_table
from tunelab.runs.stages import run_stage
from tunelab.study.prepare import PreparedData
from tunelab.study.resolution import learning_rate, method_settings, model_card
from tunelab.study.together import stage_together


@dataclass(frozen=True)
class Cell:
    """One thing that answers the test rows, or is trained to.

    ``kind`` is ``baseline``, ``base``, ``instruct`` or ``tuned``; ``name`` is unique in a study.
    ``shots`` counts the examples that stand in the prompt.
    """

    kind: str
    name: str
    model: str | None = None
    entry: MethodEntry | None = None
    seed: int | None = None
    shots: int = 0


def cells_of(study: Study) -> list[Cell]:
    """All cells of a study, in the order in which they are run and shown."""
    cells = [Cell("baseline", name) for name in study.evaluation.baselines]
    shots = study.evaluation.shots
    for role in ("base", "instruct"):
        model = getattr(study.models, role)
        if model is None:
            continue
        cells.append(Cell(role, role, model=model))
        if role == "base" and shots:
            cells.append(Cell(role, f"base-{shots}-shot", model=model, shots=shots))
    seeds = study.training.seeds
    for entry in study.methods:
        for seed in seeds:
            name = (entry.id or entry.name) + (f"-seed{seed}" if len(seeds) > 1 else "")
            model = model_card(study, entry.model).name
            cells.append(Cell("tuned", name, model=model, entry=entry, seed=seed))
    return cells


def run_cell(
    study: Study,
    cell: Cell,
    data: PreparedData,
    out: Path,
    *,
    on_stage: Callable[[], object] = lambda: None,
) -> list[Result]:
    """All stages of one cell; ``on_stage`` is called when one is finished."""
    if cell.kind == "baseline":
        results = [run_baseline(study, cell, data, out)]
    elif cell.kind == "tuned":
        trained = train_cell(study, cell, data, out)
        on_stage()
        results = [trained, ask_tuned(study, cell, data, trained, out)]
    else:
        results = [ask_model(study, cell, data, out)]
    on_stage()
    return results


def device_and_dtype(study: Study) -> tuple[str, str]:
    """The device of a study and the type of its weights."""
    device = pick_device(study.device)
    return device, pick_dtype(study.training.precision, device)


def run_baseline(study: Study, cell: Cell, data: PreparedData, out: Path) -> Result:
    """Train a classical model on the same rows and ask it."""
    function = registry.resolve("baseline", cell.name, registry.BASELINES)
    train, test = data.splits["train"], data.splits["test"]

    def answer() -> tuple[Predictions, dict[str, Any]]:
        started = time.perf_counter()
        predicted = function(
            _texts(train), [row.label for row in train], _texts(test), seed=study.seed
        )
        seconds = time.perf_counter() - started
        about = {"seconds": seconds, "prompt": None, "texts_cut": 0}
        return baseline_predictions(test, predicted, data.labels), about

    identity = {"kind": "baseline", "model": cell.name}
    return _evaluate(study, cell, out, identity, answer, {"data": data.hash, "seed": study.seed})


def ask_model(study: Study, cell: Cell, data: PreparedData, out: Path) -> Result:
    """Ask a model as it is, before any fine-tuning."""
    name = str(cell.model)
    device, dtype = device_and_dtype(study)
    shots = draw_shots(data.splits["train"], cell.shots, seed=study.seed)

    def answer() -> tuple[Predictions, dict[str, Any]]:
        loaded = load(name, device=device, dtype=dtype)
        encoder = encoder_for(
            loaded.tokenizer,
            loaded.model,
            study.prompt,
            data.labels,
            [(row.text, row.label) for row in shots],
        )
        predictions, about = ask_rows(
            loaded.model, encoder, data.splits["test"], study.evaluation, title=cell.name
        )
        return predictions, {**_origin(loaded), **about}

    asked = {
        "data": data.hash,
        "model": model_hash(name),
        "prompt": study.prompt.model_dump(),
        "shots": [(row.text, row.label) for row in shots],
        "evaluation": _answering(study),
        "device": device,
        "dtype": dtype,
    }
    identity = {"kind": cell.kind, "model": name, "shots": len(shots)}
    return _evaluate(study, cell, out, identity, answer, asked)


def train_cell(
    study: Study, cell: Cell, data: PreparedData, out: Path, *, callbacks: Sequence[Any] = ()
) -> Result:
    """Fine-tune a model with a method and a seed, and keep the adapter.

    ``callbacks`` are transformers'; they may look on and end the training by raising.
    """
    assert cell.entry is not None
    entry, seed, name = cell.entry, int(cell.seed or 0), str(cell.model)
    settings = method_settings(entry)
    device, dtype = device_and_dtype(study)
    target = out / "adapters" / cell.name

    def work(folder: Path) -> dict[str, Any]:
        return _train(study, cell, data, folder=folder, target=target, callbacks=callbacks)

    def stage(do: Callable[[Path], Mapping[str, Any]]) -> Result:
        return run_stage(
            out,
            "train",
            cell.name,
            inputs,
            do,
            still_there=lambda done: trained_by(target) == done.folder.name,
        )

    inputs = {
        "data": data.hash,
        "model": model_hash(name),
        "prompt": study.prompt.model_dump(),
        "training": _deciding(study),
        "learning_rate": learning_rate(study, entry),
        "method": entry.name,
        "settings": settings.model_dump(),
        "seed": seed,
        "device": device,
        "dtype": dtype,
    }
    return stage_together(stage, work)


def ask_tuned(study: Study, cell: Cell, data: PreparedData, trained: Result, out: Path) -> Result:
    """Ask a fine-tuned model, with the prompt that it was trained with."""
    device, dtype = device_and_dtype(study)
    target = out / "adapters" / cell.name

    def answer() -> tuple[Predictions, dict[str, Any]]:
        opened = open_adapter(target, device=device, dtype=dtype)
        predictions, about = ask_rows(
            opened.model, opened.encoder, data.splits["test"], study.evaluation, title=cell.name
        )
        return predictions, {**_origin(opened.loaded), **about}

    asked = {
        "train": trained.hash,
        "data": data.hash,
        "evaluation": _answering(study),
        "device": device,
        "dtype": dtype,
    }
    identity = {
        "kind": "tuned",
        "model": cell.model,
        "method": cell.entry.name if cell.entry else None,
        "group": (cell.entry.id or cell.entry.name) if cell.entry else None,
        "seed": cell.seed,
    }
    return _evaluate(study, cell, out, identity, answer, asked)


def _evaluate(
    study: Study,
    cell: Cell,
    out: Path,
    identity: Mapping[str, Any],
    answer: Callable[[], tuple[Predictions, dict[str, Any]]],
    asked: Mapping[str, Any],
) -> Result:
    """Keep what ``answer`` gives, and measure it.

    ``asked`` decides the answers. Where an earlier run of the folder has them and only the
    measuring changed, they are measured again and no model is loaded.
    """
    key = fingerprint({"name": cell.name, **asked})

    def work(folder: Path) -> dict[str, Any]:
        predictions, about = _answered_before(out, cell.name, key) or answer()
        writes = identity["kind"] != "baseline"
        values = measured(predictions, study.evaluation, seed=study.seed, writes=writes)
        keep(predictions, values, study.evaluation, folder)
        return {**identity, "asked": key, **about, **values}

    inputs = {"asked": key, "measuring": _measuring(study), "seed": study.seed}
    return run_stage(out, "evaluate", cell.name, inputs, work, still_there=_has_predictions)


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


def _train(
    study: Study,
    cell: Cell,
    data: PreparedData,
    *,
    folder: Path,
    target: Path,
    callbacks: Sequence[Any],
) -> dict[str, Any]:
    from tunelab.classifiers.fine_tuning import fine_tune
    from tunelab.prompts.viewer import measure_lengths
    from tunelab.training.checkpoints import remove_checkpoints
    from tunelab.training.processes import is_first

    assert cell.entry is not None
    entry, seed, name = cell.entry, int(cell.seed or 0), str(cell.model)
    settings = method_settings(entry)
    device, dtype = device_and_dtype(study)
    tuned = fine_tune(
        data.splits["train"],
        data.splits["validation"],
        model=name,
        method=entry.name,
        settings=settings,
        labels=data.labels,
        prompt=study.prompt,
        training=study.training,
        learning_rate=learning_rate(study, entry),
        seed=seed,
        device=device,
        dtype=dtype,
        folder=folder,
        target=target,
        title=f"{cell.name} trains",
        callbacks=callbacks,
    )
    if not is_first():
        return {}
    outcome = vars(tuned.outcome)
    write_table(folder / "history.parquet", outcome["history"])
    remove_checkpoints(folder)
    return {
        "kind": "tuned",
        "model": name,
        **_origin(tuned.loaded),
        "method": entry.name,
        "settings": settings.model_dump(),
        "learning_rate": learning_rate(study, entry),
        "seed": seed,
        "precision": dtype,
        "device": device,
        "lengths": vars(
            measure_lengths(
                tuned.train_rows,
                max_length=study.prompt.max_length,
                batch_size=study.training.batch_size,
            )
        ),
        "adapter_bytes": sum(file.stat().st_size for file in target.glob("*.safetensors")),
        **{key: value for key, value in outcome.items() if key not in {"model", "history"}},
    }


def _deciding(study: Study) -> dict[str, Any]:
    """The training options that decide what comes out of a training.

    The seed, the learning rate and the type of the weights are part of a stage's key on their
    own, as a method can have its own; a tracker only watches.
    """
    return study.training.model_dump(exclude={"seeds", "learning_rate", "precision", "tracking"})


def _texts(rows: Sequence[Example]) -> list[str]:
    return [row.text for row in rows]


def _answering(study: Study) -> dict[str, Any]:
    """What decides the answers themselves."""
    keys = {"max_new_tokens", "batch_size"} if "generate" in study.evaluation.modes else set()
    values = study.evaluation.model_dump(include=keys)
    return {**values, "modes": sorted(study.evaluation.modes), "counted": COUNTED}


def _measuring(study: Study) -> dict[str, Any]:
    """What decides how answers are measured: the settings, and which metrics there are."""
    settings = {"modes", "normalize", "calibrate", "resamples"}
    return {**study.evaluation.model_dump(include=settings), "metrics": sorted(all_metrics())}


def _origin(loaded: LoadedModel) -> dict[str, Any]:
    card = loaded.card
    return {
        "licence": card.licence,
        "licence_url": card.licence_url,
        "model_hash": loaded.hash,
        "lineage": describe_lineage(card, loaded.model, loaded.tokenizer),
    }


def _has_predictions(result: Result) -> bool:
    return (result.folder / TABLE).is_file()
