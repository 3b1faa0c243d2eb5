"""All metrics of one model's predictions, each with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tunelab.evaluation.calibration import brier, expected_calibration_error, reliability
from tunelab.evaluation.choosing import Normalize, adjust, choose, probabilities
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.metrics import Answered, Resampling, all_metrics, find_metric, score
from tunelab.evaluation.metrics.constructors import share
from tunelab.evaluation.parsing.answers import REASONS
from tunelab.evaluation.predictions import Generated, Likelihoods, Predictions

Mode = Literal["generate", "score"]
WAYS = {"generate": "generated", "score": "scored"}


@dataclass(frozen=True)
class Choices:
    """The label that scoring chooses in each row, and the probability of every label."""

    labels: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]


def choose_labels(
    likelihoods: Likelihoods, labels: Sequence[str], *, normalize: Normalize, calibrate: bool
) -> Choices:
    """Choose by adjusted scores: see :mod:`tunelab.evaluation.choosing`."""
    scores = adjust(
        likelihoods.logprobs,
        label_tokens=likelihoods.tokens,
        empty_logprobs=likelihoods.empty,
        normalize=normalize,
        calibrate=calibrate,
    )
    return Choices(
        labels=tuple(choose(scores, labels)),
        probabilities=tuple(map(tuple, probabilities(scores))),
    )


def measure(
    predictions: Predictions,
    *,
    modes: Sequence[Mode],
    normalize: Normalize,
    calibrate: bool,
    seed: int,
    resamples: int,
    writes: bool = True,
) -> dict[str, Any]:
    """The metrics as JSON values.

    ``generated`` and ``scored`` hold what each way of answering gives, ``forced`` the accuracy
    under teacher forcing; what was not asked for is None. ``scores`` and ``intervals`` are those
    of the first of ``modes`` that was asked, which ``mode`` names. ``metrics`` holds every
    registered metric whose evidence is there; ``writes`` is False for what gives labels alone.
    """
    resampling = Resampling(seed, resamples)
    generated = scored = forced = None
    if predictions.generated is not None:
        generated = _generated(predictions, predictions.generated, resampling)
    if predictions.likelihoods is not None:
        choices = choose_labels(
            predictions.likelihoods, predictions.labels, normalize=normalize, calibrate=calibrate
        )
        scored = {
            **_scored(predictions, choices, resampling),
            "normalize": normalize,
            "calibrate": calibrate,
        }
        forced = share(predictions.likelihoods.forced).to_dict()
    found = {"generate": generated, "score": scored}
    mode = next((mode for mode in modes if found[mode] is not None), None)
    mode = mode or ("generate" if scored is None else "score")
    first = found[mode] or {}
    measured = {"mode": mode, "scored": scored}
    others = _others(replace(answered(predictions, measured), writes=writes), resampling)
    return {
        "mode": mode,
        "scores": first["scores"],
        "intervals": first["intervals"],
        "generated": generated,
        "scored": scored,
        "forced": forced,
        "metrics": {**first["intervals"], **others},
    }


def _generated(
    predictions: Predictions, generated: Generated, resampling: Resampling
) -> dict[str, Any]:
    reasons = [reason for reason in generated.reasons if reason is not None]
    return {
        **_scores(predictions, generated.labels, resampling),
        "unparsed_reasons": {reason: reasons.count(reason) for reason in REASONS},
        "answer_tokens": find_metric("answer_tokens")
        .estimate(Answered(predictions, generated.labels, None), resampling)
        .to_dict(),
        "stopped": share(generated.stopped).to_dict(),
    }


def _scored(predictions: Predictions, choices: Choices, resampling: Resampling) -> dict[str, Any]:
    positions = [predictions.labels.index(label) for label in predictions.truth]
    return {
        **_scores(predictions, choices.labels, resampling),
        "brier": brier(choices.probabilities, positions),
        "calibration_error": expected_calibration_error(choices.probabilities, positions).to_dict(),
        "reliability": [entry.to_dict() for entry in reliability(choices.probabilities, positions)],
    }


def _scores(
    predictions: Predictions, chosen: Sequence[str | None], resampling: Resampling
) -> dict[str, Any]:
    """The metrics that read labels, of the labels of one way of answering."""
    scores = score(predictions.truth, chosen, predictions.labels).to_dict()
    answered = Answered(predictions, tuple(chosen), None)
    intervals = {
        name: metric.estimate(answered, resampling).to_dict()
        for name, metric in all_metrics().items()
        if metric.reads == "labels"
    }
    for name, found in intervals.items():
        if name not in scores:
            scores[name] = found["value"]
            if found["value"] is None:
                scores["undefined"][name] = found["reason"]
    return {"scores": scores, "intervals": intervals, "collapse": _collapse(scores)}


def _others(answered: Answered, resampling: Resampling) -> dict[str, Any]:
    """The metrics that read more than labels, where there is what they read."""
    there = {
        "labels": False,
        "answers": answered.predictions.generated is not None,
        "likelihoods": answered.predictions.likelihoods is not None,
        "text": answered.predictions.generated is not None and answered.writes,
    }
    return {
        name: metric.estimate(answered, resampling).to_dict()
        for name, metric in all_metrics().items()
        if there[metric.reads]
    }


def _collapse(scores: Mapping[str, Any]) -> dict[str, Any] | None:
    found = collapse_of(scores)
    return None if found is None else asdict(found)


def recorded(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every metric in a record of :func:`measure`; older records have those of the labels alone."""
    found: Mapping[str, Any] = values.get("metrics") or values["intervals"]
    return found


def answered(predictions: Predictions, measured: Mapping[str, Any]) -> Answered:
    """The predictions with the labels that what :func:`measure` gave is about."""
    scored = None
    if predictions.likelihoods is not None:
        settings = measured["scored"]
        scored = choose_labels(
            predictions.likelihoods,
            predictions.labels,
            normalize=settings["normalize"],
            calibrate=settings["calibrate"],
        ).labels
    generated = predictions.generated.labels if predictions.generated else None
    first = generated if measured["mode"] == "generate" else scored
    return Answered(predictions, tuple(first or ()), scored)
