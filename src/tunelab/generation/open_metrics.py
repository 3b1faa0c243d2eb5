"""The measures of open answers, as claims name them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.config import Claim
from tunelab.evaluation.metrics.claimed import ClaimMetric, Own
from tunelab.evaluation.origins import Origin
from tunelab.evaluation.statistics.estimates import Difference
from tunelab.generation.comparison import COUNTS, MEASURES
from tunelab.generation.open_record import (
    OPEN,
    compare_open_answers,
    differing_prompts,
    origin,
    own_value,
    read_open,
)
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class OpenMetric(ClaimMetric):
    """A measure of the answers to open prompts, at the study's first temperature."""

    noun: str = "prompt"

    def value(self, run: RunFolder, claim: Claim, name: str) -> Own:
        """The mean over prompts."""
        return own_value(read_open(run), self.id, name)

    def compare(self, run: RunFolder, claim: Claim, margin: float) -> Difference:
        """Left minus right, paired by prompts."""
        return compare_open_answers(read_open(run), self.id, claim.left, claim.right, margin)

    def origin(self, run: RunFolder, name: str) -> Origin | None:
        """The model that answered."""
        return origin(read_open(run), name)

    def rows(
        self, run: RunFolder, claim: Claim, most: int
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """The prompts on which two models differ, the largest differences first."""
        if not isinstance(claim.right, str):
            return (), 0
        found = differing_prompts(read_open(run), self.id, claim.left, claim.right)
        return found[:most], len(found)

    def files(
        self, run: RunFolder, claim: Claim, names: Sequence[str]
    ) -> Iterator[tuple[Result, str]]:
        """The answers of all models."""
        for result in run.generated:
            yield result, OPEN


OPEN_METRICS: Mapping[str, OpenMetric] = {
    name: OpenMetric(id=name, unit="mean_count" if name in COUNTS else "number")
    for name in MEASURES
}
