"""From log-probabilities of labels to the label that is chosen, and how sure it is."""

import math
from collections.abc import Sequence
from typing import Literal

Normalize = Literal["sum", "mean"]


def adjust(
    logprobs: Sequence[Sequence[float]],
    *,
    label_tokens: Sequence[int],
    empty_logprobs: Sequence[float] | None,
    normalize: Normalize = "sum",
    calibrate: bool = False,
) -> list[list[float]]:
    """The score of each label in each row, from sums of log-probabilities in nats.

    ``mean`` divides by the tokens of the label, so that a longer one is not at a disadvantage.
    ``calibrate`` subtracts the score after an empty text, so that a label that the model likes
    whatever the text says has no advantage: contextual calibration, Zhao et al., Calibrate Before
    Use, 2021, https://arxiv.org/abs/2102.09690, in its form of a diagonal matrix.

    Raises:
        ValueError: ``calibrate`` without ``empty_logprobs``.
    """
    if calibrate and empty_logprobs is None:
        raise ValueError("calibrating needs the log-probabilities after an empty text")
    sizes = label_tokens if normalize == "mean" else [1] * len(label_tokens)
    offsets = empty_logprobs if calibrate and empty_logprobs is not None else [0.0] * len(sizes)
    return [
        [(value - offset) / size for value, offset, size in zip(row, offsets, sizes, strict=True)]
        for row in logprobs
    ]


def probabilities(scores: Sequence[Sequence[float]]) -> list[list[float]]:
    """Scores as shares that add up to 1 over the labels of a row: their softmax."""
    shares = []
    for row in scores:
        highest = max(row)
        weights = [math.exp(value - highest) for value in row]
        total = sum(weights)
        shares.append([weight / total for weight in weights])
    return shares


def choose(scores: Sequence[Sequence[float]], labels: Sequence[str]) -> list[str]:
    """The label with the highest score in each row; the first of equal ones."""
    return [labels[max(range(len(row)), key=row.__getitem__)] for row in scores]
