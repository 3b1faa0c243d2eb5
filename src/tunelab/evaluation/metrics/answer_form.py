"""Whether an answer in words gives a label, and whether it ends by itself."""

from collections.abc import Sequence

from tunelab.evaluation.metrics.constructors import share_metric
from tunelab.evaluation.metrics.contract import Answered


def _parsed(answered: Answered) -> Sequence[float] | None:
    generated = answered.predictions.generated
    return None if generated is None else [float(label is not None) for label in generated.labels]


def _stopped(answered: Answered) -> Sequence[float] | None:
    generated = answered.predictions.generated
    return None if generated is None else list(map(float, generated.stopped))


def _other_ends(sides: Sequence[Answered]) -> str | None:
    if len({side.ends for side in sides} - {None}) < 2:
        return None
    endings = " and ".join(dict.fromkeys(f"{side.name} {side.ends}" for side in sides))
    return f"answers end by different rules: {endings}"


PARSED = share_metric(
    "parsed",
    "answers with a label",
    "share of answers that give one label",
    _parsed,
    reads="text",
)
STOPPED = share_metric(
    "stopped",
    "answers that end by themselves",
    "share of answers that end by themselves within the limit",
    _stopped,
    reads="text",
    doubt=_other_ends,
)
