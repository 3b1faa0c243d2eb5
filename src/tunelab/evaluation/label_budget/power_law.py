"""What more labelled rows would bring: a power law fitted to a curve, as far as it was checked."""

from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.statistics.estimates import Estimate


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = floor + scale · n^(-exponent), n in rows a label."""

    floor: float
    scale: float
    exponent: float

    def error(self, size: float) -> float:
        """The share of wrong answers with this many rows a label."""
        return float(self.floor + self.scale * size**-self.exponent)


@dataclass(frozen=True)
class HeldOut:
    """A check of the law: fitted without the largest sizes, what it said of the largest.

    The law was fitted to the sizes up to ``start`` and asked for the gain from there to ``end``,
    which is ``factor`` times as many rows. ``predicted`` has a 95 % interval that allows for the
    chance in both numbers; ``seen`` is what was measured. It ``holds`` where ``seen`` lies inside.
    """

    start: float
    end: float
    factor: float
    predicted: Estimate
    seen: float
    holds: bool


@dataclass(frozen=True)
class Extrapolation:
    """What ``factor`` times as many rows as the largest size would bring.

    ``gain`` is in accuracy, from ``start`` to ``end`` rows a label; it is None beyond
    ``checked``, the factor up to which the law told the largest sizes rightly (None where it did
    not, or could not be checked), and ``gain.reason`` says so. ``law`` is the fitted law, None where none
    fits. ``sentence`` tells it in words.
    """

    classifier: str
    factor: float
    start: float | None
    end: float | None
    gain: Estimate
    law: PowerLaw | None
    checked: float | None
    checks: tuple[HeldOut, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The extrapolation as JSON values."""
        return asdict(self)


def extrapolated(
    answers: BudgetAnswers, classifier: str, factor: float = 2.0, *, seed: int = 0
) -> Extrapolation:
    """The gain of ``factor`` times as many labelled rows as the largest size has."""
    raise NotImplementedError
