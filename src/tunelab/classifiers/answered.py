"""What models answered: asked for, measured, and kept as ``predictions.parquet``."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.classifiers.asking import answer, count_cut, label_likelihoods
from tunelab.config import Evaluation
from tunelab.data.examples import Example
from tunelab.evaluation.measuring import choose_labels, measure
from tunelab.evaluation.predictions import Predictions, given_all, parse_all
from tunelab.prompts.encoding import Encoder
from tunelab.runs.results import write_table

TABLE = "predictions.parquet"
# The rule by which an answer's tokens are counted, beside the counts.
COUNTED = "kept text"
# What a record tells of the asking, which measuring the answers again leaves as it was.
ABOUT = (
    "licence",
    "licence_url",
    "lineage",
    "model_hash",
    "seconds",
    "seconds_by_mode",
    "rows_per_second",
    "texts_cut",
    "prompt",
)


def ask_rows(
    model: Any, encoder: Encoder, rows: Sequence[Example], evaluation: Evaluation, *, title: str
) -> tuple[Predictions, dict[str, Any]]:
    """Ask a model for all rows in each mode; also what the asking itself is recorded with."""
    texts, truth = [row.text for row in rows], [row.label for row in rows]
    prompts = [encoder.prompt(text) for text in texts]
    generated = likelihoods = None
    seconds: dict[str, float] = {}
    if "generate" in evaluation.modes:
        started = time.perf_counter()
        answers = answer(model, encoder, prompts, evaluation, title=f"{title} answers")
        seconds["generate"] = time.perf_counter() - started
        generated = parse_all(
            [entry.text for entry in answers],
            encoder.format.labels,
            stopped=tuple(entry.stopped for entry in answers),
            tokens=tuple(entry.kept for entry in answers),
        )
    if "score" in evaluation.modes:
        started = time.perf_counter()
        likelihoods = label_likelihoods(model, encoder, prompts, truth, title=f"{title} scores")
        seconds["score"] = time.perf_counter() - started
    about = {
        "seconds": sum(seconds.values()),
        "seconds_by_mode": seconds,
        "rows_per_second": {mode: len(rows) / max(spent, 1e-9) for mode, spent in seconds.items()},
        "texts_cut": count_cut(prompts),
        "prompt": encoder.format.to_dict(),
    }
    labels = encoder.format.labels
    return Predictions(labels, tuple(texts), tuple(truth), generated, likelihoods), about


def baseline_predictions(
    rows: Sequence[Example], predicted: Sequence[str], labels: Sequence[str]
) -> Predictions:
    """The predictions of a baseline, which answers with labels alone."""
    return Predictions(
        labels=tuple(labels),
        texts=tuple(row.text for row in rows),
        truth=tuple(row.label for row in rows),
        generated=given_all(predicted, stopped=(True,) * len(rows), tokens=None),
    )


def measured(
    predictions: Predictions, evaluation: Evaluation, *, seed: int, writes: bool = True
) -> dict[str, Any]:
    """All metrics, as an evaluation's settings ask for them.

    ``writes`` is False for what gives labels and no text.
    """
    return measure(
        predictions,
        modes=evaluation.modes,
        normalize=evaluation.normalize,
        calibrate=evaluation.calibrate,
        seed=seed,
        resamples=evaluation.resamples,
        writes=writes,
    )


def keep(
    predictions: Predictions, values: Mapping[str, Any], evaluation: Evaluation, folder: Path
) -> None:
    """Write ``predictions.parquet`` into a folder; ``values`` are what :func:`measured` gave."""
    write_table(folder / TABLE, table_rows(predictions, str(values["mode"]), evaluation))


def table_rows(predictions: Predictions, mode: str, evaluation: Evaluation) -> list[dict[str, Any]]:
    """A row for each text; what was not asked for is null.

    ``predicted`` is the label of ``mode``. ``logprobs``, ``probabilities``, ``empty_logprobs`` and
    ``label_tokens`` are lists in the order of ``labels``.
    """
    generated, likelihoods = predictions.generated, predictions.likelihoods
    choices = None
    if likelihoods is not None:
        choices = choose_labels(
            likelihoods,
            predictions.labels,
            normalize=evaluation.normalize,
            calibrate=evaluation.calibrate,
        )
    rows = []
    for number, (text, truth) in enumerate(zip(predictions.texts, predictions.truth, strict=True)):
        parsed = generated.labels[number] if generated else None
        scored = choices.labels[number] if choices else None
        rows.append(
            {
                "row": number,
                "text": text,
                "truth": truth,
                "predicted": parsed if mode == "generate" else scored,
                "generated": parsed,
                "answer": generated.answers[number] if generated else None,
                "reason": generated.reasons[number] if generated else None,
                "stopped": generated.stopped[number] if generated else None,
                "answer_tokens": generated.tokens[number]
                if generated and generated.tokens is not None
                else None,
                "tokens_counted": COUNTED,
                "scored": scored,
                "probability": max(choices.probabilities[number]) if choices else None,
                "forced": likelihoods.forced[number] if likelihoods else None,
                "labels": list(predictions.labels),
                "probabilities": list(choices.probabilities[number]) if choices else None,
                "logprobs": list(likelihoods.logprobs[number]) if likelihoods else None,
                "empty_logprobs": list(likelihoods.empty) if likelihoods else None,
                "label_tokens": list(likelihoods.tokens) if likelihoods else None,
            }
        )
    return rows
