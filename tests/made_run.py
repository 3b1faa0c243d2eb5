"""A run folder of answers that a test makes up, measured and kept as tunelab does it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import keep, measured
from tunelab.config import make_study, to_dict
from tunelab.evaluation.predictions import Given, Likelihoods, Predictions, parse_all
from tunelab.runs.results import Result, save_result
from tunelab.runs.run_folder import RunFolder
from tunelab.study.resolution import ROLES


@dataclass(frozen=True)
class Made:
    """One classifier: what it answers, whether each answer ended, and its likeliest labels.

    ``kind`` is classical for one that writes no text. ``lineage`` is the family, the architecture
    and the tokenizer at once. ``constant``: whether it reads no text.
    """

    name: str
    kind: str
    answers: Sequence[str]
    stopped: Sequence[bool] | None = None
    likeliest: Sequence[str] | None = None
    lineage: str = "one"
    style: str = "chat"
    trained: dict[str, Any] = field(default_factory=dict)
    constant: bool = False


def make_run(folder: Path, truth: Sequence[str], models: Sequence[Made], **study: Any) -> RunFolder:
    """The run of these models on rows with these labels; ``study`` holds keys of the study."""
    labels = tuple(sorted(set(truth)))
    roles = {one.kind: f"model-{one.lineage}" for one in models if one.kind in ROLES}
    chosen = make_study({"evaluation": {"resamples": 200}, "models": roles, **study})
    evaluated, trained = [], []
    for model in models:
        count = len(truth)
        stopped = tuple(model.stopped or [True] * count)
        written = model.kind != "classical"
        given = None if written else Given(tuple(model.answers))
        generated = parse_all(
            model.answers,
            labels,
            stopped=stopped,
            tokens=tuple(len(answer.split()) for answer in model.answers),
        )
        likelihoods = None
        if model.likeliest is not None:
            rows = tuple(
                tuple(-0.1 if label == given else -5.0 for label in labels)
                for given in model.likeliest
            )
            likelihoods = Likelihoods(
                rows, (-1.0,) * len(labels), (1,) * len(labels), (False,) * count
            )
        predictions = Predictions(
            labels,
            tuple(f"text {row}" for row in range(count)),
            tuple(truth),
            generated if written else None,
            likelihoods,
            given,
        )
        values = measured(predictions, chosen.evaluation, seed=0)
        position = folder / "evaluate" / f"{model.name}-0"
        position.mkdir(parents=True)
        keep(predictions, values, chosen.evaluation, position)
        about: dict[str, Any] = {"seconds": 1.0, "prompt": None, "texts_cut": 0}
        if model.constant:
            about["constant"] = True
        if written:
            about["prompt"] = {"style": model.style}
            about["lineage"] = dict.fromkeys(("family", "architecture", "tokenizer"), model.lineage)
        method = "lora" if model.kind == "tuned" else None
        identity = {"kind": model.kind, "model": f"model-{model.lineage}", "method": method}
        record = {**identity, **about, **values}
        result = Result("evaluate", model.name, "0", "complete", record, position)
        save_result(result)
        evaluated.append(result)
        if model.trained:
            trained.append(
                Result("train", model.name, "0", "complete", model.trained, folder / "train")
            )
    prepared = Result("prepare", "data", "0", "complete", {"labels": list(labels)}, folder)
    return RunFolder(
        folder=folder,
        study=to_dict(chosen),
        study_text="",
        study_hash="",
        environment={},
        prepared=prepared,
        trained=trained,
        evaluated=evaluated,
        tokenized=[],
        failures=[],
    )
