"""All metrics of one model's predictions, each with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tunelab.evaluation.calibration import brier, expected_calibration_error, reliability
from tunelab.evaluation.choosing import Normalize, adjust, choose, probabilities
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.metrics import Answered, Resampling, all_metrics, find_metric, score
from tunelab.evaluation.metrics.constructors import share
from tunelab.evaluation.parsing.answers import REASONS
from tunelab.evaluation.predictions import Generated, Predictions
from tunelab.evaluation.statistics.clusters import clusters_of

# The ways in which a classifier answers: it writes, labels are scored, or it gives a label.
Mode = Literal["generate", "score", "label"]


@dataclass(frozen=True)
class Choices:
    """The label that scoring chooses in each row, and the probability of every label."""

    labels: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]


class ScoredLabels(Protocol):
    """Label scores of rows, as in :class:`tunelab.evaluation.predictions.Likelihoods`."""

    @property
    def logprobs(self) -> Sequence[Sequence[float]]:
        """(rows, labels), in nats."""

    @property
    def empty(self) -> Sequence[float]:
        """(labels,), after an empty text."""

    @property
    def tokens(self) -> Sequence[int]:
        """(labels,), the tokens of each label."""


def choose_labels(
    likelihoods: ScoredLabels, labels: Sequence[str], *, normalize: Normalize, calibrate: bool
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


def choices_of(
    predictions: Predictions, *, normalize: Normalize, calibrate: bool
) -> Choices | None:
    """The likeliest labels and the probabilities, or None where a classifier has none."""
    given = predictions.given
    if given is not None and given.probabilities is not None:
        return Choices(given.labels, given.probabilities)
    if predictions.likelihoods is None:
        return None
    return choose_labels(
        predictions.likelihoods, predictions.labels, normalize=normalize, calibrate=calibrate
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
    of the first of ``modes`` that was asked, which ``mode`` names; it is ``label`` for a classifier
    that gives labels and writes no text. ``scored`` also holds the probabilities that such a
    classifier has. ``metrics`` holds every registered metric whose evidence is there.
    """
    resampling = Resampling(seed, resamples)
    generated = scored = forced = given = None
    if predictions.generated is not None:
        generated = _generated(predictions, predictions.generated, resampling)
    if predictions.given is not None:
        given = _scores(predictions, predictions.given.labels, resampling)
    choices = choices_of(predictions, normalize=normalize, calibrate=calibrate)
    if choices is not None:
        how = {"normalize": normalize, "calibrate": calibrate} if given is None else {}
        scored = {**_scored(predictions, choices, resampling), **how}
    if predictions.likelihoods is not None:
        clusters = clusters_of(predictions.groups)
        forced = share(predictions.likelihoods.forced, clusters).to_dict()
    found = {"generate": generated, "score": scored, "label": given}
    if given is not None:
        mode: Mode = "label"
    else:
        asked = [way for way in (*modes, "generate", "score") if found[way] is not None]
        mode = asked[0] if asked else "generate"
    first = found[mode] or {}
    others = _others(answered(predictions, {"mode": mode, "scored": scored}), resampling)
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
        "stopped": share(generated.stopped, clusters_of(predictions.groups)).to_dict(),
    }


def _scored(predictions: Predictions, choices: Choices, resampling: Resampling) -> dict[str, Any]:
    positions = [predictions.labels.index(label) for label in predictions.truth]
    return {
        **_scores(predictions, choices.labels, resampling),
        "brier": brier(choices.probabilities, positions),
        "calibration_error": expected_calibration_error(choices.probabilities, positions).to_dict(),
        "reliability": [
            entry.to_dict()
            for entry in reliability(choices.probabilities, positions, groups=predictions.groups)
        ],
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
    if answered.clusters is not None:
        # The interval of independent rows would be too short.
        accuracy = intervals["accuracy"]
        scores |= {"accuracy_low": accuracy["low"], "accuracy_high": accuracy["high"]}
        if accuracy["low"] is None:
            for end in ("accuracy_low", "accuracy_high"):
                scores["undefined"].setdefault(end, accuracy["reason"])
    return {"scores": scores, "intervals": intervals, "collapse": _collapse(scores)}


def _others(answered: Answered, resampling: Resampling) -> dict[str, Any]:
    """The metrics that read more than labels, where there is what they read."""
    there = {
        "labels": False,
        "answers": answered.predictions.generated is not None,
        "likelihoods": answered.predictions.likelihoods is not None,
        "text": answered.writes,
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
    if predictions.given is not None:
        return Answered(predictions, predictions.given.labels, predictions.given.labels)
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
