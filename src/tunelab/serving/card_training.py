"""How a classifier was trained, for its card: settings, machine and software."""

import json
from collections.abc import Mapping
from typing import Any

from tunelab.config import Study
from tunelab.evaluation.metrics.training_time import time_doubt
from tunelab.numbers import duration, number
from tunelab.runs.results import Result
from tunelab.serving.inert_markdown import one_line


def training_settings(study: Study, trained: Result) -> list[tuple[str, Any]]:
    """The settings of a training, each with its title."""
    values, training = trained.values, study.training
    batch = (
        f"at most {training.batch_tokens} tokens"
        if training.batch_tokens
        else f"{training.batch_size} rows"
    )
    if training.gradient_accumulation > 1:
        batch += f", {training.gradient_accumulation} of them in a step"
    stopping = training.early_stopping
    return [
        *((name, setting(value)) for name, value in values["settings"].items()),
        ("learning rate", values["learning_rate"]),
        ("schedule", f"{training.scheduler}, warm-up {training.warmup}"),
        ("epochs", training.epochs),
        ("batch", batch),
        ("steps", f"{values['steps']} of {values['planned_steps']} planned"),
        ("weights kept", _best(values)),
        (
            "early stopping",
            f"{stopping.metric}, patience {stopping.patience}" if stopping else "none",
        ),
        ("weight decay", training.weight_decay),
        ("gradient norm", f"at most {training.max_grad_norm}"),
        ("precision", values["precision"]),
        ("seed", values["seed"]),
    ]


def setting(value: Any) -> str:
    """The value of a setting for a table."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _best(values: Mapping[str, Any]) -> str:
    if values["best_loss"] is None:
        return "the last ones"
    return f"those of step {values['best_step']}, validation loss {number(values['best_loss'])}"


def hardware(environment: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Where it was trained, and in what time."""
    device = environment["device"]
    memory = device.get("device_memory") or device["memory"]
    name = one_line(device["name"] or device["device"])
    threads = f", {device['threads']} threads" if device["device"] == "cpu" else ""
    return (
        f"Trained on {name} ({memory / 2**30:.0f} GiB of memory{threads}) in "
        f"{duration(values.get('seconds'))}{_timed(values)}. The energy was not measured."
    )


def _timed(values: Mapping[str, Any]) -> str:
    doubt = time_doubt(values)
    return f" ({doubt})" if doubt else ""


def software(environment: Mapping[str, Any]) -> str:
    """The versions of tunelab, Python and the packages that computed."""
    named = ("torch", "transformers", "peft", "tokenizers")
    packages = ", ".join(f"{name} {environment['packages'][name]}" for name in named)
    return f"tunelab {environment['tunelab']}, Python {environment['python']}, {packages}."
