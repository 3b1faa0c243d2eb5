"""From how many labelled rows fine-tuning pays."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.curves import Over
from tunelab.evaluation.statistics.estimates import Estimate

# "no": at the largest size the best other classifier is better, so that fine-tuning does not pay
# within what there is.
Verdict = Literal["yes", "no", "undecided"]


@dataclass(frozen=True)
class GainAt:
    """The best fine-tuned classifier minus the best other one at one size.

    ``tuned`` and ``other`` are the ones with the best measured accuracy, None where nothing was
    done. ``gain`` has a 95 % interval that allows for the choice of both by the same rows.
    """

    size: float
    tuned: str | None
    other: str | None
    gain: Estimate
    over: Over | None


@dataclass(frozen=True)
class PaysFrom:
    """Whether fine-tuning pays, and from how many rows a label on.

    ``size`` is the smallest size from which on the gain is above 0 at each larger size measured,
    None unless the verdict is "yes". ``gains`` are those of each size, smallest first.
    ``sentence`` tells the verdict in words, ``reason`` why it is undecided.
    """

    verdict: Verdict
    size: float | None
    gains: tuple[GainAt, ...]
    sentence: str
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return asdict(self)


def pays_from(answers: BudgetAnswers, tuned: Sequence[str], others: Sequence[str]) -> PaysFrom:
    """The smallest size from which on fine-tuning pays."""
    raise NotImplementedError
