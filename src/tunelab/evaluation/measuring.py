"""All metrics of one model's predictions, each with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.answers import REASONS
from tunelab.evaluation.calibration import brier, expected_calibration_error, reliability
from tunelab.evaluation.choosing import Normalize, adjust, choose, probabilities
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.estimates import Estimate
from tunelab.evaluation.limits import at_least, exactly, limited_estimate
from tunelab.evaluation.metrics import score, wilson_interval
from tunelab.evaluation.predictions import Generated, Likelihoods, Predictions
from tunelab.evaluation.resampling import AVERAGES, f1_interval
from tunelab.evaluation.row_metrics import Answered
from tunelab.evaluation.seeds import summarize

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
) -> dict[str, Any]:
    """The metrics as JSON values.

    ``generated`` and ``scored`` hold what each way of answering gives, ``forced`` the accuracy
    under teacher forcing; what was not asked for is None. ``scores`` and ``intervals`` are those
    of the first of ``modes`` that was asked, which ``mode`` names.
    """
    generated = scored = forced = None
    if predictions.generated is not None:
        generated = _generated(predictions, predictions.generated, seed, resamples)
    if predictions.likelihoods is not None:
        choices = choose_labels(
            predictions.likelihoods, predictions.labels, normalize=normalize, calibrate=calibrate
        )
        scored = {
            **_scored(predictions, choices, seed, resamples),
            "normalize": normalize,
            "calibrate": calibrate,
        }
        forced = share(predictions.likelihoods.forced).to_dict()
    found = {"generate": generated, "score": scored}
    mode = next((mode for mode in modes if found[mode] is not None), None)
    mode = mode or ("generate" if scored is None else "score")
    first = found[mode] or {}
    return {
        "mode": mode,
        "scores": first["scores"],
        "intervals": first["intervals"],
        "generated": generated,
        "scored": scored,
        "forced": forced,
    }


def share(flags: Sequence[bool]) -> Estimate:
    """The share of rows that are true, with Wilson's interval."""
    if not flags:
        return Estimate(None, None, None, "there are no rows")
    low, high = wilson_interval(sum(flags), len(flags))
    return Estimate(sum(flags) / len(flags), low, high)


def _generated(
    predictions: Predictions, generated: Generated, seed: int, resamples: int
) -> dict[str, Any]:
    reasons = [reason for reason in generated.reasons if reason is not None]
    return {
        **_scores(predictions, generated.labels, seed, resamples),
        "unparsed_reasons": {reason: reasons.count(reason) for reason in REASONS},
        "answer_tokens": _length(generated).to_dict(),
        "stopped": share(generated.stopped).to_dict(),
    }


def _length(generated: Generated) -> Estimate:
    """The mean tokens of an answer, a bound where answers were cut."""
    if generated.tokens is None:
        return Estimate(None, None, None, "the tokens of these answers were not counted")
    cut = sum(not stopped for stopped in generated.stopped)
    if cut:
        return limited_estimate(
            [
                exactly(count) if stopped else at_least(count)
                for count, stopped in zip(generated.tokens, generated.stopped, strict=True)
            ],
            f"{cut} of {len(generated.stopped)} answers were cut at the limit of tokens",
        )
    return summarize(list(map(float, generated.tokens)), "row")


def _scored(
    predictions: Predictions, choices: Choices, seed: int, resamples: int
) -> dict[str, Any]:
    places = [predictions.labels.index(label) for label in predictions.truth]
    return {
        **_scores(predictions, choices.labels, seed, resamples),
        "brier": brier(choices.probabilities, places),
        "calibration_error": expected_calibration_error(choices.probabilities, places).to_dict(),
        "reliability": [entry.to_dict() for entry in reliability(choices.probabilities, places)],
    }


def _scores(
    predictions: Predictions, chosen: Sequence[str | None], seed: int, resamples: int
) -> dict[str, Any]:
    scores = score(predictions.truth, chosen, predictions.labels)
    intervals = {
        f"f1_{average}": f1_interval(
            predictions.truth,
            chosen,
            predictions.labels,
            average=average,
            seed=seed,
            resamples=resamples,
        ).to_dict()
        for average in AVERAGES
    }
    accuracy = share([true == guess for true, guess in zip(predictions.truth, chosen, strict=True)])
    return {
        "scores": scores.to_dict(),
        "intervals": {"accuracy": accuracy.to_dict(), **intervals},
        "collapse": _collapse(scores.to_dict()),
    }


def _collapse(scores: Mapping[str, Any]) -> dict[str, Any] | None:
    found = collapse_of(scores)
    return None if found is None else asdict(found)


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
