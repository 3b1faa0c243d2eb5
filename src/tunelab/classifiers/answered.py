"""What classifiers answered: asked for, measured, and kept as ``predictions.parquet``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.classifiers.contract import Fitted
from tunelab.config import Evaluation
from tunelab.data.examples import Example
from tunelab.evaluation.measuring import choices_of, measure
from tunelab.evaluation.predictions import FIRST_TOKENS, GROUP, Predictions
from tunelab.runs.results import write_table

TABLE = "predictions.parquet"
# The rule by which an answer's tokens are counted, beside the counts.
COUNTED = "kept text"
# What a record says of the asking, which measuring the answers again leaves as it was.
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
    "constant",
    "requests",
    "hypotheses",
)


def ask_rows(
    classifier: Fitted, rows: Sequence[Example], *, title: str
) -> tuple[Predictions, dict[str, Any]]:
    """Ask a classifier for the labels of all rows; also what is recorded of the asking."""
    found = classifier.answer([row.text for row in rows], title=title)
    about = {
        "prompt": None,
        **classifier.about,
        "seconds": sum(found.seconds.values()),
        "seconds_by_mode": dict(found.seconds),
        "rows_per_second": {
            mode: len(rows) / max(spent, 1e-9) for mode, spent in found.seconds.items()
        },
        "texts_cut": found.texts_cut,
        **found.facts,
    }
    return found.against(rows), about


def measured(predictions: Predictions, evaluation: Evaluation, *, seed: int) -> dict[str, Any]:
    """All metrics, as an evaluation's settings ask for them."""
    return measure(
        predictions,
        modes=evaluation.modes,
        normalize=evaluation.normalize,
        calibrate=evaluation.calibrate,
        seed=seed,
        resamples=evaluation.resamples,
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
    given = predictions.given
    choices = choices_of(
        predictions, normalize=evaluation.normalize, calibrate=evaluation.calibrate
    )
    found = {
        "generate": generated.labels if generated else None,
        "score": choices.labels if choices else None,
        "label": given.labels if given else None,
    }
    rows = []
    for number, (text, truth) in enumerate(zip(predictions.texts, predictions.truth, strict=True)):
        chosen = found[mode]
        rows.append(
            {
                "row": number,
                "text": text,
                "truth": truth,
                GROUP: predictions.groups[number] if predictions.groups is not None else None,
                "predicted": chosen[number] if chosen else None,
                "generated": generated.labels[number] if generated else None,
                "answer": generated.answers[number] if generated else None,
                "reason": generated.reasons[number] if generated else None,
                "stopped": generated.stopped[number] if generated else None,
                "answer_tokens": generated.tokens[number]
                if generated and generated.tokens is not None
                else None,
                "tokens_counted": COUNTED if generated else None,
                FIRST_TOKENS: list(generated.first_tokens[number])
                if generated and generated.first_tokens is not None
                else None,
                "scored": choices.labels[number] if choices else None,
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
