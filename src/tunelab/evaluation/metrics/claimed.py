"""The contract of a metric that claims may name, wherever in a run its values come from.

Metrics of answers, numbers of trainings, measures of open answers and token counts of tokenizers
all keep it, so that the judge and the report ask none of them what it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.config import Claim
from tunelab.evaluation.origins import Origin
from tunelab.evaluation.statistics.estimates import Bound, Difference
from tunelab.numbers import Unit
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder

# A value, None where it is not known, and whether it is a bound of the true one.
Own = tuple[float | None, Bound | None]


@dataclass(frozen=True, kw_only=True)
class ClaimMetric(ABC):
    """What a claim compares.

    ``id`` is its name in studies, ``unit`` how a value is printed, ``noun`` what is counted: row,
    prompt, sentence, training.
    """

    id: str
    unit: Unit
    noun: str

    def label(self, claim: Claim) -> str:
        """What the comparison is called."""
        return self.id

    @abstractmethod
    def value(self, run: RunFolder, claim: Claim, name: str) -> Own:
        """The value of the side called ``name``, the mean over its training seeds."""

    @abstractmethod
    def compare(self, run: RunFolder, claim: Claim, margin: float) -> Difference:
        """Left minus right, tested against ``margin``; undefined, with the reason, in doubt."""

    @abstractmethod
    def files(
        self, run: RunFolder, claim: Claim, names: Sequence[str]
    ) -> Iterator[tuple[Result, str]]:
        """The stages and their files that the values of the sides are in."""

    def origin(self, run: RunFolder, name: str) -> Origin | None:
        """The model behind a side; None where there is none or it is not part of the run."""
        return None

    def notes(self, run: RunFolder, claim: Claim, names: Sequence[str]) -> Iterator[str]:
        """What a reader must know of the values of the sides called ``names``."""
        return iter(())

    def rows(
        self, run: RunFolder, claim: Claim, most: int
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Some rows on which two sides differ, for people to read, and how many differ at all.

        Keys: row, text, truth, left, right (what each said), left_value, right_value, left_cut,
        right_cut (whether the value was measured at a limit).
        """
        return (), 0
