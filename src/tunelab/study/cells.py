"""The cells of a study: models to ask, methods to train, baselines to beat."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.config import MethodEntry, Study
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.models.device import pick_device, pick_dtype
from tunelab.models.loading import LoadedModel, load, model_hash
from tunelab.results import Result, write_table
from tunelab.study.adapters import open_adapter, save_adapter, trained_by
from tunelab.study.asking import encoder_for, evaluate_model, evaluate_predictions
from tunelab.study.folder import replace_folder, run_stage
from tunelab.study.prepare import PreparedData
from tunelab.study.resolution import learning_rate, method_module, method_settings, model_card


@dataclass(frozen=True)
class Cell:
    """One thing that answers the test rows, or is trained to.

    ``kind`` is ``baseline``, ``base``, ``instruct`` or ``tuned``; ``name`` is unique in a study.
    """

    kind: str
    name: str
    model: str | None = None
    entry: MethodEntry | None = None
    seed: int | None = None


def cells_of(study: Study) -> list[Cell]:
    """All cells of a study, in the order in which they are run and shown."""
    cells = [Cell("baseline", name) for name in study.evaluation.baselines]
    for role in ("base", "instruct"):
        if getattr(study.models, role) is not None:
            cells.append(Cell(role, role, model=getattr(study.models, role)))
    seeds = study.training.seeds
    for entry in study.methods:
        for seed in seeds:
            name = (entry.id or entry.name) + (f"-seed{seed}" if len(seeds) > 1 else "")
            model = model_card(study, entry.model).name
            cells.append(Cell("tuned", name, model=model, entry=entry, seed=seed))
    return cells


def device_and_dtype(study: Study) -> tuple[str, str]:
    """The device of a study and the type of its weights."""
    device = pick_device(study.device)
    return device, pick_dtype(study.training.precision, device)


def run_baseline(study: Study, cell: Cell, data: PreparedData, out: Path) -> Result:
    """Train a classical model on the same rows and ask it."""
    function = registry.resolve("baseline", cell.name, registry.BASELINES)

    def work(folder: Path) -> dict[str, Any]:
        started = time.perf_counter()
        predictions = function(
            _texts(data.splits["train"]),
            [row.label for row in data.splits["train"]],
            _texts(data.splits["test"]),
            seed=study.seed,
        )
        seconds = time.perf_counter() - started
        values = evaluate_predictions(
            data.splits["test"], predictions, data.labels, seconds=seconds, folder=folder
        )
        return {"kind": "baseline", "model": cell.name, **values}

    inputs = {"data": data.hash, "seed": study.seed}
    return run_stage(out, "evaluate", cell.name, inputs, work, still_there=_has_predictions)


def ask_model(study: Study, cell: Cell, data: PreparedData, out: Path) -> Result:
    """Ask a model as it is, before any fine-tuning."""
    name = str(cell.model)
    device, dtype = device_and_dtype(study)

    def work(folder: Path) -> dict[str, Any]:
        loaded = load(name, device=device, dtype=dtype)
        encoder = encoder_for(loaded.tokenizer, loaded.model, study.prompt, data.labels)
        values = evaluate_model(
            loaded.model,
            encoder,
            data.splits["test"],
            study.evaluation,
            title=f"{cell.name} answers",
            folder=folder,
        )
        return {"kind": cell.kind, "model": name, **_licence(loaded), **values}

    inputs = {
        "data": data.hash,
        "model": model_hash(name),
        "prompt": study.prompt.model_dump(),
        "evaluation": _answering(study),
        "device": device,
        "dtype": dtype,
    }
    return run_stage(out, "evaluate", cell.name, inputs, work, still_there=_has_predictions)


def train_cell(study: Study, cell: Cell, data: PreparedData, out: Path) -> Result:
    """Fine-tune a model with a method and a seed, and keep the adapter."""
    assert cell.entry is not None
    entry, seed, name = cell.entry, int(cell.seed or 0), str(cell.model)
    settings = method_settings(entry)
    device, dtype = device_and_dtype(study)
    options = study.training.model_dump(exclude={"seeds"})
    target = out / "adapters" / cell.name

    def work(folder: Path) -> dict[str, Any]:
        return _train(study, cell, data, folder=folder, target=target)

    inputs = {
        "data": data.hash,
        "model": model_hash(name),
        "prompt": study.prompt.model_dump(),
        "training": options,
        "learning_rate": learning_rate(study, entry),
        "method": entry.name,
        "settings": settings.model_dump(),
        "seed": seed,
        "device": device,
        "dtype": dtype,
    }
    return run_stage(
        out,
        "train",
        cell.name,
        inputs,
        work,
        still_there=lambda done: trained_by(target) == done.folder.name,
    )


def ask_tuned(study: Study, cell: Cell, data: PreparedData, trained: Result, out: Path) -> Result:
    """Ask a fine-tuned model, with the prompt that it was trained with."""
    device, dtype = device_and_dtype(study)
    target = out / "adapters" / cell.name

    def work(folder: Path) -> dict[str, Any]:
        opened = open_adapter(target, device=device, dtype=dtype)
        values = evaluate_model(
            opened.model,
            opened.encoder,
            data.splits["test"],
            study.evaluation,
            title=f"{cell.name} answers",
            folder=folder,
        )
        return {
            "kind": "tuned",
            "model": cell.model,
            "method": cell.entry.name if cell.entry else None,
            "seed": cell.seed,
            **_licence(opened.loaded),
            **values,
        }

    inputs = {
        "train": trained.hash,
        "data": data.hash,
        "evaluation": _answering(study),
        "device": device,
        "dtype": dtype,
    }
    return run_stage(out, "evaluate", cell.name, inputs, work, still_there=_has_predictions)


def _train(
    study: Study, cell: Cell, data: PreparedData, *, folder: Path, target: Path
) -> dict[str, Any]:
    import torch

    from tunelab.prompts.checks import check_rows
    from tunelab.prompts.encoding import encode_examples
    from tunelab.prompts.tokens import encode_text, leading_tokens
    from tunelab.prompts.viewer import measure_lengths
    from tunelab.training.train import remove_checkpoints, train

    assert cell.entry is not None
    entry, seed, name = cell.entry, int(cell.seed or 0), str(cell.model)
    settings = method_settings(entry)
    module = method_module(entry)
    device, dtype = device_and_dtype(study)
    if dtype == "float16" and device == "cpu":
        raise UsageError("training.precision=float16 needs a GPU; use float32 or bfloat16.")
    loaded = load(name, device=device, dtype=module.WEIGHTS or dtype)
    encoder = encoder_for(loaded.tokenizer, loaded.model, study.prompt, data.labels)
    encoded = {
        split: encode_examples(encoder, _texts(rows), [row.label for row in rows])
        for split, rows in data.splits.items()
        if split != "test"
    }
    for split, rows in encoded.items():
        check_rows(encoder, rows, _texts(data.splits[split]))
    torch.manual_seed(seed)
    # As a text that begins with it is seen: many models rest their attention on the BOS.
    instruction = leading_tokens(loaded.tokenizer)
    instruction += encode_text(loaded.tokenizer, encoder.format.system)[0]
    model = module.adapt(loaded.model, settings, instruction)
    outcome = train(
        model,
        train_rows=encoded["train"],
        validation_rows=encoded["validation"],
        pad_token=loaded.tokenizer.pad_token_id,
        options=study.training,
        learning_rate=learning_rate(study, entry),
        precision=dtype,
        device=device,
        seed=seed,
        folder=folder,
        title=f"{cell.name} trains",
    )
    replace_folder(
        target,
        lambda fresh: save_adapter(
            fresh,
            outcome.model,
            method=entry.name,
            loaded=loaded,
            encoder=encoder,
            run=folder.name,
        ),
    )
    write_table(folder / "history.parquet", outcome.history)
    remove_checkpoints(folder)
    return {
        "kind": "tuned",
        "model": name,
        **_licence(loaded),
        "method": entry.name,
        "settings": settings.model_dump(),
        "learning_rate": learning_rate(study, entry),
        "seed": seed,
        "precision": dtype,
        "device": device,
        "lengths": vars(
            measure_lengths(
                encoded["train"],
                max_length=study.prompt.max_length,
                batch_size=study.training.batch_size,
            )
        ),
        "adapter_bytes": sum(file.stat().st_size for file in target.glob("*.safetensors")),
        **{key: value for key, value in vars(outcome).items() if key not in {"model", "history"}},
    }


def _texts(rows: Sequence[Example]) -> list[str]:
    return [row.text for row in rows]


def _answering(study: Study) -> dict[str, Any]:
    return study.evaluation.model_dump(include={"max_new_tokens", "batch_size"})


def _licence(loaded: LoadedModel) -> dict[str, str]:
    card = loaded.card
    return {"licence": card.licence, "licence_url": card.licence_url, "model_hash": loaded.hash}


def _has_predictions(result: Result) -> bool:
    return (result.folder / "predictions.parquet").is_file()
