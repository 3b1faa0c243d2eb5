"""What a training number is: how it is read from the record of a training, compared and doubted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunelab import registry
from tunelab.config import Claim
from tunelab.evaluation.metrics.claimed import ClaimMetric, Own
from tunelab.evaluation.origins import Origin
from tunelab.evaluation.sides import sides_of
from tunelab.evaluation.statistics.comparison import compare_means, compare_numbers
from tunelab.evaluation.statistics.estimates import Difference, undefined
from tunelab.runs.results import RECORD, Result
from tunelab.runs.run_folder import RunFolder

Record = Mapping[str, Any]


def unknown(record: Record) -> float | None:
    """None: only a training tells."""
    return None


def no_doubt(record: Record) -> str | None:
    """None: what is counted is what it is called."""
    return None


def like_measured(left: Record, right: Record) -> str | None:
    """Why a number that was measured for two trainings cannot be compared, or None."""
    if left.get("device") != right.get("device"):
        return f"one was measured on {left.get('device')}, the other on {right.get('device')}"
    return None


def read(name: str) -> Callable[[Record], float | None]:
    """Reads a number that is in the record under this name."""

    def of(record: Record) -> float | None:
        value: Any = record.get(name)
        return None if value is None else float(value)

    return of


@dataclass(frozen=True, kw_only=True)
class TrainingNumber(ClaimMetric):
    """A number of a training.

    Attributes:
        description: what it is, for the documentation.
        of: reads the number from the record of a training, None where it is not known.
        counted: whether it has no error of measurement, so that the numbers decide by themselves.
        in_full: of the record of an adapter, the number that training all weights of the same
            model would have; None where only such a training tells.
        doubt: why the number of one record is no measurement of what it is called, or None.
        unlike: why the numbers of two records cannot be compared, or None.
    """

    description: str
    of: Callable[[Record], float | None]
    counted: bool = False
    in_full: Callable[[Record], float | None] = unknown
    doubt: Callable[[Record], str | None] = no_doubt
    unlike: Callable[[Record, Record], str | None] = like_measured
    noun: str = "training"

    def value(self, run: RunFolder, claim: Claim, name: str) -> Own:
        """The mean over the seeds of a side that was trained."""
        values = self._values(run, name)
        known = [value for value in values if value is not None]
        if not known or len(known) != len(values):
            return None, None
        return sum(known) / len(known), None

    def compare(self, run: RunFolder, claim: Claim, margin: float) -> Difference:
        """Counted numbers are compared as they are, measured ones over seeds by the t test."""
        sides = sides_of(run)
        if claim.left not in sides:
            return undefined(f"{claim.left} is not part of this run", margin)
        lefts, rights = self._values(run, claim.left), self._rights(run, claim)
        if rights is None:
            return undefined(f"{claim.right} is not part of this run", margin)
        if not lefts or not rights or None in lefts or None in rights:
            return undefined(f"{self.id} is known only for what was trained", margin)
        first, second = [value or 0.0 for value in lefts], [value or 0.0 for value in rights]
        if self.counted:
            return compare_numbers(first[0], second[0], margin=margin)
        doubt = self._doubt(run, claim)
        if doubt is not None:
            value = sum(first) / len(first) - sum(second) / len(second)
            return replace(undefined(doubt, margin), value=value)
        if not isinstance(claim.right, str):
            # A number is the same for every seed.
            second = second * len(first)
        if len(first) < 2 or len(first) != len(second):
            difference = compare_numbers(first[0], second[0], margin=margin)
            return replace(
                difference, low=None, high=None, reason="measured once, which shows no spread"
            )
        return compare_means(first, second, margin=margin)

    def origin(self, run: RunFolder, name: str) -> Origin | None:
        """The model that was trained."""
        side = sides_of(run).get(name)
        return None if side is None else side.origin

    def files(
        self, run: RunFolder, claim: Claim, names: Sequence[str]
    ) -> Iterator[tuple[Result, str]]:
        """The records of the trainings."""
        for result in self._trainings(run, names):
            yield result, RECORD

    def _trainings(self, run: RunFolder, names: Sequence[str]) -> list[Result]:
        sides = sides_of(run)
        return [result for name in names if name in sides for result in sides[name].trained]

    def _values(self, run: RunFolder, name: str) -> list[float | None]:
        return [self.of(result.values) for result in self._trainings(run, [name])]

    def _rights(self, run: RunFolder, claim: Claim) -> list[float | None] | None:
        """The right side's numbers; of a method that this run lacks those that are known anyway."""
        if not isinstance(claim.right, str):
            return [float(claim.right)]
        if claim.right in sides_of(run):
            return self._values(run, claim.right)
        trainings = self._trainings(run, [claim.left])
        if self.counted and trainings and _trains_all(claim.right):
            return [self.in_full(trainings[0].values)]
        return None

    def _doubt(self, run: RunFolder, claim: Claim) -> str | None:
        """Why what was measured of two trainings cannot be compared, or None."""
        lefts, rights = (self._trainings(run, [name]) for name in (claim.left, str(claim.right)))
        for result in (*lefts, *rights):
            doubt = self.doubt(result.values)
            if doubt is not None:
                return f"{result.name}: {doubt}"
        pairs = ((left.values, right.values) for left in lefts for right in rights)
        return next((why for pair in pairs if (why := self.unlike(*pair)) is not None), None)


def _trains_all(name: str) -> bool:
    """Whether this is a method whose counts follow from the model alone, without a training."""
    return name in registry.METHODS and bool(
        registry.resolve("method", name, registry.METHODS).trains_all_weights
    )
